# SPDX-License-Identifier: GPL-2.0-only
#
# bpf_skeleton(NAME SOURCE): SOURCE -> bpf/NAME.raw.o -> bpf/NAME.bpf.o -> bpf/NAME.skel.h
#
# The raw object comes from clang, with a depfile, so that an edited header rebuilds what includes
# it. bpftool then strips it to what loading needs and writes the skeleton; each file appears whole
# or not at all. The compiler sees the project's own headers and libbpf's, nothing else.

find_program(BPF_CLANG NAMES clang clang-22 clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang-15 clang-14
  DOC "clang 14 or later with the BPF target" REQUIRED)
# Debian keeps bpftool where only root looks.
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin /usr/local/sbin DOC "bpftool" REQUIRED)

# Tools are judged by what they can do, once for each path.
if(NOT BPF_TOOLS_CHECKED STREQUAL "${BPF_CLANG};${BPFTOOL}" OR NOT EXISTS ${CMAKE_BINARY_DIR}/bpf/compiler)
  set(probe ${CMAKE_BINARY_DIR}/CMakeFiles/bpf-probe)
  file(WRITE ${probe}.c "int probe __attribute__((section(\".bss\")));\n")
  execute_process(COMMAND ${BPF_CLANG} --target=bpf -mcpu=v3 -g -O2 -c ${probe}.c -o ${probe}.o
    RESULT_VARIABLE failed ERROR_VARIABLE why)
  if(failed)
    message(FATAL_ERROR "${BPF_CLANG} cannot compile for BPF (clang 14 or later is needed; set BPF_CLANG): ${why}")
  endif()
  execute_process(COMMAND ${BPFTOOL} gen object ${probe}.bpf.o ${probe}.o
    RESULT_VARIABLE failed ERROR_VARIABLE why OUTPUT_QUIET)
  if(failed)
    message(FATAL_ERROR "${BPFTOOL} cannot link BPF objects (bpftool 5.16 or later is needed; set BPFTOOL): ${why}")
  endif()
  execute_process(COMMAND ${BPF_CLANG} -dumpversion OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
  # tests/load compares what it measures only with what the same compiler made
  file(WRITE ${CMAKE_BINARY_DIR}/bpf/compiler "clang ${version}\n")
  set(BPF_TOOLS_CHECKED "${BPF_CLANG};${BPFTOOL}" CACHE INTERNAL "")
endif()

function(bpf_skeleton name source)
  set(dir ${CMAKE_BINARY_DIR}/bpf)
  file(MAKE_DIRECTORY ${dir})
  set(raw ${dir}/${name}.raw.o)
  set(obj ${dir}/${name}.bpf.o)
  set(skel ${dir}/${name}.skel.h)
  set(includes -I ${PROJECT_SOURCE_DIR}/bpf)
  foreach(d IN LISTS BPF_INCLUDE_DIRS)
    list(APPEND includes -isystem ${d})
  endforeach()
  if(CMAKE_GENERATOR MATCHES "Makefiles|Ninja")
    set(depfile DEPFILE ${raw}.d)
  endif()
  # No path of the build gets into the object: it is the same wherever it is made.
  set(compile ${BPF_CLANG} --target=bpf -mcpu=v3 -g -O2 -fno-strict-aliasing -std=gnu11 -nostdinc
    -Wall -Wextra -Wno-unused-parameter $<$<BOOL:${BPFKIT_WERROR}>:-Werror> ${includes}
    -fdebug-prefix-map=${PROJECT_SOURCE_DIR}/= -fdebug-compilation-dir=. -c ${source})
  # tests/load/test_arch.py does the same again, for other machines
  list(JOIN compile "\n" words)
  file(GENERATE OUTPUT ${dir}/${name}.compile CONTENT "${words}\n")
  add_custom_command(OUTPUT ${raw}
    COMMAND ${compile} -MD -MF ${raw}.d -MT ${raw} -o ${raw}
    DEPENDS ${source} ${depfile} COMMENT "BPF ${name}" VERBATIM COMMAND_EXPAND_LISTS)
  add_custom_command(OUTPUT ${obj}
    COMMAND ${BPFTOOL} gen object ${obj}.tmp ${raw}
    COMMAND ${CMAKE_COMMAND} -E rename ${obj}.tmp ${obj}
    DEPENDS ${raw} VERBATIM)
  add_custom_command(OUTPUT ${skel}
    COMMAND ${BPFTOOL} gen skeleton ${obj} name ${name}_bpf > ${skel}.tmp
    COMMAND ${CMAKE_COMMAND} -E rename ${skel}.tmp ${skel}
    DEPENDS ${obj} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY BPF_SKELETONS ${skel})
endfunction()
