
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_VERSION_H_INCLUDED_
#define _TAVUS_VERSION_H_INCLUDED_


/* The one place that says it; t/lint/version.pl knows who repeats it. */

#define TAVUS_VERSION  "0.1.0"
#define TAVUS_VER      "nginx-tavus/" TAVUS_VERSION


#endif /* _TAVUS_VERSION_H_INCLUDED_ */
