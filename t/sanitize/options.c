/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * What the undefined sanitizer is told.  It asks at the first report and
 * reads /proc/self/environ then, where a worker's title is by that time.
 */

const char *__ubsan_default_options(void);


const char *
__ubsan_default_options(void)
{
    return "print_stacktrace=1:suppressions=" SUPPRESSIONS;
}
