// SPDX-License-Identifier: GPL-2.0-only
/*
 * The code of the tracepoints, which <trace/define_trace.h> makes from trace.h.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
