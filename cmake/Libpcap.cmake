# SPDX-License-Identifier: GPL-2.0-only
#
# The target libpcap_to_link, for filter expressions: empty where there is no libpcap, 1.10 or later. BPFKIT_PCAP and
# BPFKIT_PCAP_ALONE are 1 or 0, see lib/version.h.in.
#
# Its archive is preferred: the shared one loads nine others at each start, for what is only the capture of packets.
# That part of the archive needs functions which lib/pcap.c has in their place.

add_library(libpcap_to_link INTERFACE)
set(BPFKIT_PCAP 0)
set(BPFKIT_PCAP_ALONE 0)
option(BPFKIT_WITH_PCAP "filter expressions, if libpcap is there" ON)

if(BPFKIT_WITH_PCAP)
  pkg_check_modules(PCAP QUIET libpcap>=1.10)
endif()
if(BPFKIT_WITH_PCAP AND PCAP_FOUND)
  pkg_get_variable(libpcap_lib libpcap libdir)
  find_library(PCAP_ARCHIVE libpcap.a HINTS ${libpcap_lib})
  if(PCAP_ARCHIVE)
    set(try ${CMAKE_BINARY_DIR}/CMakeFiles/pcap-probe.c)
    file(WRITE ${try} "int pcap_compile(void);\nint dbus_findalldevs(void) { return 0; }\n"
      "int dbus_create(void) { return 0; }\nint main(void) { return pcap_compile(); }\n")
    try_compile(PCAP_ARCHIVE_LINKS ${CMAKE_BINARY_DIR}/CMakeFiles/pcap-probe ${try} LINK_LIBRARIES ${PCAP_ARCHIVE})
  endif()
  if(PCAP_ARCHIVE_LINKS)
    set(BPFKIT_PCAP_ALONE 1)
    target_link_libraries(libpcap_to_link INTERFACE ${PCAP_ARCHIVE})
    foreach(function ether_hostton gethostbyname getaddrinfo freeaddrinfo getnetbyname_r getprotobyname_r)
      target_link_options(libpcap_to_link INTERFACE -Wl,--wrap=${function})
    endforeach()
  elseif(NOT BPFKIT_STATIC)
    target_link_libraries(libpcap_to_link INTERFACE ${PCAP_LINK_LIBRARIES})
  endif()
  if(PCAP_ARCHIVE_LINKS OR NOT BPFKIT_STATIC)
    set(BPFKIT_PCAP 1)
    target_include_directories(libpcap_to_link SYSTEM INTERFACE ${PCAP_INCLUDE_DIRS})
  endif()
endif()
if(NOT BPFKIT_PCAP)
  message(STATUS "without libpcap 1.10 or later, with its headers: no filter expressions")
endif()
