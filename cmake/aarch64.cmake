# SPDX-License-Identifier: GPL-2.0-only
#
# Toolchain: what runs on aarch64 is built on another machine, with Debian's cross compiler and its
# arm64 libraries. The programs for the kernel, clang and bpftool are those of every build.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CROSS_INSTALL "in Debian: dpkg --add-architecture arm64 && apt-get update && apt-get install \
gcc-aarch64-linux-gnu libc6-dev:arm64 libbpf-dev:arm64 libelf-dev:arm64 zlib1g-dev:arm64")

if(NOT CMAKE_C_COMPILER)
  find_program(AARCH64_GCC aarch64-linux-gnu-gcc)
  if(NOT AARCH64_GCC)
    message(FATAL_ERROR "The cross compiler aarch64-linux-gnu-gcc is missing; install it (${CROSS_INSTALL}).")
  endif()
  set(CMAKE_C_COMPILER ${AARCH64_GCC})
endif()

# pkg-config must not find the libraries of this machine. Who keeps those for aarch64 elsewhere says so in the
# environment.
if(NOT DEFINED ENV{PKG_CONFIG_LIBDIR})
  set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig)
endif()
unset(ENV{PKG_CONFIG_PATH})
