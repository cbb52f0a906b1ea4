/* SPDX-License-Identifier: GPL-2.0-only */
/* The tools, sorted by name. C includes this list, CMake reads it; a tool needs one line here. */
TOOL(execsnoop)
TOOL(netmon)
TOOL(opensnoop)
TOOL(xdpdump)
