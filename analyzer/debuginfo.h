/* SPDX-License-Identifier: MIT */
/*
 * debuginfo - what DWARF tells of an address: functions, inlined ones too,
 * with their files and lines
 */
#ifndef ANALYZER_DEBUGINFO_H
#define ANALYZER_DEBUGINFO_H

#include "analyzer/report.h"
#include "analyzer/units.h"

/*
 * The frames at `address`, as symbols_frames() returns them, but with nothing
 * of their module in them; 0 if nothing is known of `address`.  The last one
 * may lack its function, and any its line.
 */
size_t debuginfo_frames(struct units *units, struct arena *arena,
			Dwarf_Addr address, struct report_frame **ret_frames);

#endif
