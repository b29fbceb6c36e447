// SPDX-License-Identifier: Apache-2.0
// libcurl, loaded when something is fetched for the first time: with the libraries behind it, it takes megabytes of memory
// and some milliseconds at every start of a program that links it, and most runs never fetch.
#ifndef LW_DATA_CURL_LIBRARY_H
#define LW_DATA_CURL_LIBRARY_H

#include <lanewise/status.h>

#include <curl/curl.h>

// The functions that are used, under curl's names without curl_easy_.
typedef struct lw_curl {
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*perform)(CURL *curl);
    CURLcode (*getinfo)(CURL *curl, CURLINFO info, ...);
    const char *(*strerror)(CURLcode code);
    void (*cleanup)(CURL *curl);
} lw_curl;

// Loads and initializes libcurl once, whatever the number of callers. The functions stay valid to the end of the
// process. LW_ERROR_UNSUPPORTED names what is missing.
lw_status lw_curl_load(const lw_curl **curl);

#endif
