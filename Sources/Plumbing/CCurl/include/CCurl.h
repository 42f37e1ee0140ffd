// libcurl, loaded when the first request is made.
//
// Linked in, it would be loaded at every start, with the 30 shared objects that Debian's build of it brings:
// 3.6 to 5 ms as measured on Debian 12, for commands that mostly make no request. <curl/curl.h> is here for
// its types and constants alone: a function called by its own name (curl_easy_init) does not link.
#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>

// What has come of loading the library.
enum {
    bg_curl_ready = 0,
    bg_curl_absent = 1,    // the library, or one that it needs, is not there
    bg_curl_unusable = 2,  // it is there and lacks a function, or did not start
};

// Loads and initialises libcurl once for the process, whatever thread asks first; says the same ever after.
// Everything below may be called only when this has returned bg_curl_ready.
int bg_curl_load(void);

// Why it is not ready, in the dynamic linker's or libcurl's own words; empty when it is. Lives for ever.
const char *bg_curl_load_error(void);

// curl_easy_setopt and curl_easy_getinfo are variadic: Swift cannot call them.
typedef size_t (*bg_curl_data_callback)(char *, size_t, size_t, void *);
typedef curl_socket_t (*bg_curl_socket_callback)(void *, curlsocktype, struct curl_sockaddr *);

CURLcode bg_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode bg_curl_set_text(CURL *easy, CURLoption option, const char *value);
CURLcode bg_curl_set_pointer(CURL *easy, CURLoption option, void *value);
CURLcode bg_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
// libcurl keeps a copy of the bytes.
CURLcode bg_curl_set_body(CURL *easy, const void *bytes, curl_off_t count);
CURLcode bg_curl_set_write(CURL *easy, bg_curl_data_callback callback, void *context);
CURLcode bg_curl_set_read(CURL *easy, bg_curl_data_callback callback, void *context);
CURLcode bg_curl_set_header(CURL *easy, bg_curl_data_callback callback, void *context);
CURLcode bg_curl_set_socket(CURL *easy, bg_curl_socket_callback callback, void *context);

CURLcode bg_curl_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode bg_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);
CURLcode bg_curl_get_list(CURL *easy, CURLINFO info, struct curl_slist **value);
CURLcode bg_curl_get_socket(CURL *easy, CURLINFO info, curl_socket_t *value);
CURLcode bg_curl_get_certificates(CURL *easy, struct curl_certinfo **value);

// As the functions of libcurl without the prefix.
CURL *bg_curl_easy_init(void);
void bg_curl_easy_cleanup(CURL *easy);
const char *bg_curl_easy_strerror(CURLcode code);
// Over a connection that was opened with CURLOPT_CONNECT_ONLY.
CURLcode bg_curl_easy_send(CURL *easy, const void *bytes, size_t count, size_t *sent);
CURLcode bg_curl_easy_recv(CURL *easy, void *bytes, size_t room, size_t *count);
// Seconds since 1970; -1 for what is no date.
time_t bg_curl_getdate(const char *text);

CURLM *bg_curl_multi_init(void);
CURLMcode bg_curl_multi_cleanup(CURLM *multi);
CURLMcode bg_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode bg_curl_multi_remove_handle(CURLM *multi, CURL *easy);
CURLMcode bg_curl_multi_perform(CURLM *multi, int *running);
CURLMcode bg_curl_multi_poll(
    CURLM *multi, struct curl_waitfd *extra, unsigned int count, int timeout, int *ready
);
CURLMcode bg_curl_multi_wakeup(CURLM *multi);
CURLMsg *bg_curl_multi_info_read(CURLM *multi, int *left);

struct curl_slist *bg_curl_slist_append(struct curl_slist *list, const char *text);
void bg_curl_slist_free_all(struct curl_slist *list);

#endif
