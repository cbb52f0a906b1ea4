# SPDX-License-Identifier: GPL-2.0-only
"""opensnoop and its peers: opens that fail, as tests/workload/opens_failed.c makes them."""
import dataclasses

import opensnoop

TOOL = dataclasses.replace(opensnoop.TOOL, workload="opens_failed", event="failed open")
