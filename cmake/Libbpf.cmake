# SPDX-License-Identifier: GPL-2.0-only
#
# The target libbpf_to_link, and BPF_INCLUDE_DIRS for the programs: the system's libbpf, or one
# built from BPFKIT_LIBBPF_SOURCE.

find_package(PkgConfig REQUIRED)
add_library(libbpf_to_link INTERFACE)

# The libraries as pkg-config knows them. A toolchain file says in CROSS_INSTALL how its own are installed.
macro(find_libraries prefix)
  if(CROSS_INSTALL)
    pkg_check_modules(${prefix} QUIET ${ARGN})
    if(NOT ${prefix}_FOUND)
      string(REPLACE ";" ", " wanted "${ARGN}")
      message(FATAL_ERROR "pkg-config finds not all of ${wanted} for ${CMAKE_SYSTEM_PROCESSOR} in "
        "$ENV{PKG_CONFIG_LIBDIR}; install them (${CROSS_INSTALL}).")
    endif()
  else()
    pkg_check_modules(${prefix} REQUIRED ${ARGN})
  endif()
endmacro()

if(BPFKIT_LIBBPF_SOURCE)
  set(src ${BPFKIT_LIBBPF_SOURCE})
  if(EXISTS ${src}/src/libbpf.c)
    set(src ${src}/src)
  endif()
  if(NOT EXISTS ${src}/libbpf.c)
    message(FATAL_ERROR "BPFKIT_LIBBPF_SOURCE: ${BPFKIT_LIBBPF_SOURCE} holds no libbpf.c")
  endif()
  find_libraries(ELF libelf zlib)
  set(out ${CMAKE_BINARY_DIR}/libbpf)
  file(GLOB libbpf_files CONFIGURE_DEPENDS ${src}/*.c ${src}/*.h)
  add_custom_command(OUTPUT ${out}/root/lib/libbpf.a
    COMMAND ${CMAKE_COMMAND} -E env CC=${CMAKE_C_COMPILER} AR=${CMAKE_AR} make -s -C ${src} BUILD_STATIC_ONLY=1
      OBJDIR=${out}/obj DESTDIR=${out}/root PREFIX= LIBDIR=/lib INCLUDEDIR=/include install install_uapi_headers
    DEPENDS ${libbpf_files} COMMENT "libbpf" VERBATIM)
  add_custom_target(libbpf_build DEPENDS ${out}/root/lib/libbpf.a)
  add_dependencies(libbpf_to_link libbpf_build)
  target_include_directories(libbpf_to_link SYSTEM INTERFACE ${out}/root/include)
  if(BPFKIT_STATIC)
    target_link_libraries(libbpf_to_link INTERFACE ${out}/root/lib/libbpf.a ${ELF_STATIC_LIBRARIES})
  else()
    target_link_libraries(libbpf_to_link INTERFACE ${out}/root/lib/libbpf.a ${ELF_LIBRARIES})
  endif()
  set(BPF_INCLUDE_DIRS ${out}/root/include)
else()
  find_libraries(BPF libbpf>=1.1)
  pkg_get_variable(libbpf_include libbpf includedir)
  if(BPFKIT_STATIC)
    target_link_libraries(libbpf_to_link INTERFACE ${BPF_STATIC_LIBRARIES})
    target_link_directories(libbpf_to_link INTERFACE ${BPF_STATIC_LIBRARY_DIRS})
  else()
    target_link_libraries(libbpf_to_link INTERFACE ${BPF_LIBRARIES})
    target_link_directories(libbpf_to_link INTERFACE ${BPF_LIBRARY_DIRS})
  endif()
  target_include_directories(libbpf_to_link SYSTEM INTERFACE ${BPF_INCLUDE_DIRS})
  set(BPF_INCLUDE_DIRS ${libbpf_include})
endif()
