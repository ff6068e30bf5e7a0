
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <pthread.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "tavus_random.h"


static void tavus_random_forget(void);


static int      tavus_random_watched;   /* fork() is */
static size_t   tavus_random_left;
static uint8_t  tavus_random_ids[TAVUS_RANDOM_IDS][TAVUS_RANDOM_ID_LEN];


int
tavus_random_id(uint8_t id[TAVUS_RANDOM_ID_LEN])
{
    uint8_t  *next;

    if (tavus_random_left == 0) {

        if (!tavus_random_watched) {

            if (pthread_atfork(NULL, NULL, tavus_random_forget) != 0) {
                return -1;
            }

            tavus_random_watched = 1;
        }

        if (RAND_bytes(tavus_random_ids[0], sizeof(tavus_random_ids)) != 1) {
            return -1;
        }

        tavus_random_left = TAVUS_RANDOM_IDS;
    }

    next = tavus_random_ids[--tavus_random_left];

    memcpy(id, next, TAVUS_RANDOM_ID_LEN);
    OPENSSL_cleanse(next, TAVUS_RANDOM_ID_LEN);

    return 0;
}


static void
tavus_random_forget(void)
{
    tavus_random_left = 0;
    OPENSSL_cleanse(tavus_random_ids, sizeof(tavus_random_ids));
}
