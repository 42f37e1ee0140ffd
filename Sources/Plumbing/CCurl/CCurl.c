#include "CCurl.h"

// Every function of libcurl that is called; its type is taken from <curl/library.h>.
#define EACH_FUNCTION(use) \
    use(global_init) \
    use(easy_init) \
    use(easy_cleanup) \
    use(easy_strerror) \
    use(easy_setopt) \
    use(easy_getinfo) \
    use(easy_send) \
    use(easy_recv) \
    use(getdate) \
    use(multi_init) \
    use(multi_cleanup) \
    use(multi_add_handle) \
    use(multi_remove_handle) \
    use(multi_perform) \
    use(multi_poll) \
    use(multi_wakeup) \
    use(multi_info_read) \
    use(slist_append) \
    use(slist_free_all)

#define SYMBOL(name) curl_##name
#include "../CLoading/loading.h"

// The soname since libcurl 7.16; on Debian it is the build with OpenSSL.
static void load(void) {
    if (load_library("libcurl.so.4", bg_curl_absent, bg_curl_unusable)) return;
    // Left to the first curl_easy_init, this is safe between threads only since libcurl 7.84.
    CURLcode code = library.global_init(CURL_GLOBAL_DEFAULT);
    if (code) fail(bg_curl_unusable, library.easy_strerror(code));
}

int bg_curl_load(void) {
    pthread_once(&once, load);
    return state;
}

const char *bg_curl_load_error(void) {
    pthread_once(&once, load);
    return problem;
}

CURLcode bg_curl_set_long(CURL *easy, CURLoption option, long value) {
    return library.easy_setopt(easy, option, value);
}

CURLcode bg_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return library.easy_setopt(easy, option, value);
}

CURLcode bg_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return library.easy_setopt(easy, option, value);
}

CURLcode bg_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return library.easy_setopt(easy, option, value);
}

CURLcode bg_curl_set_body(CURL *easy, const void *bytes, curl_off_t count) {
    CURLcode code = library.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, count);
    return code ? code : library.easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
}

CURLcode bg_curl_set_write(CURL *easy, bg_curl_data_callback callback, void *context) {
    CURLcode code = library.easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
    return code ? code : library.easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

CURLcode bg_curl_set_read(CURL *easy, bg_curl_data_callback callback, void *context) {
    CURLcode code = library.easy_setopt(easy, CURLOPT_READFUNCTION, callback);
    return code ? code : library.easy_setopt(easy, CURLOPT_READDATA, context);
}

CURLcode bg_curl_set_header(CURL *easy, bg_curl_data_callback callback, void *context) {
    CURLcode code = library.easy_setopt(easy, CURLOPT_HEADERFUNCTION, callback);
    return code ? code : library.easy_setopt(easy, CURLOPT_HEADERDATA, context);
}

CURLcode bg_curl_set_socket(CURL *easy, bg_curl_socket_callback callback, void *context) {
    CURLcode code = library.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
    return code ? code : library.easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}

CURLcode bg_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return library.easy_getinfo(easy, info, value);
}

CURLcode bg_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return library.easy_getinfo(easy, info, value);
}

CURLcode bg_curl_get_list(CURL *easy, CURLINFO info, struct curl_slist **value) {
    return library.easy_getinfo(easy, info, value);
}

CURLcode bg_curl_get_socket(CURL *easy, CURLINFO info, curl_socket_t *value) {
    return library.easy_getinfo(easy, info, value);
}

CURLcode bg_curl_get_certificates(CURL *easy, struct curl_certinfo **value) {
    return library.easy_getinfo(easy, CURLINFO_CERTINFO, value);
}

CURL *bg_curl_easy_init(void) { return library.easy_init(); }
void bg_curl_easy_cleanup(CURL *easy) { library.easy_cleanup(easy); }
const char *bg_curl_easy_strerror(CURLcode code) { return library.easy_strerror(code); }

CURLcode bg_curl_easy_send(CURL *easy, const void *bytes, size_t count, size_t *sent) {
    return library.easy_send(easy, bytes, count, sent);
}

CURLcode bg_curl_easy_recv(CURL *easy, void *bytes, size_t room, size_t *count) {
    return library.easy_recv(easy, bytes, room, count);
}

time_t bg_curl_getdate(const char *text) { return library.getdate(text, NULL); }

CURLM *bg_curl_multi_init(void) { return library.multi_init(); }
CURLMcode bg_curl_multi_cleanup(CURLM *multi) { return library.multi_cleanup(multi); }

CURLMcode bg_curl_multi_add_handle(CURLM *multi, CURL *easy) { return library.multi_add_handle(multi, easy); }

CURLMcode bg_curl_multi_remove_handle(CURLM *multi, CURL *easy) {
    return library.multi_remove_handle(multi, easy);
}

CURLMcode bg_curl_multi_perform(CURLM *multi, int *running) { return library.multi_perform(multi, running); }

CURLMcode bg_curl_multi_poll(
    CURLM *multi, struct curl_waitfd *extra, unsigned int count, int timeout, int *ready
) {
    return library.multi_poll(multi, extra, count, timeout, ready);
}

CURLMcode bg_curl_multi_wakeup(CURLM *multi) { return library.multi_wakeup(multi); }
CURLMsg *bg_curl_multi_info_read(CURLM *multi, int *left) { return library.multi_info_read(multi, left); }

struct curl_slist *bg_curl_slist_append(struct curl_slist *list, const char *text) {
    return library.slist_append(list, text);
}

void bg_curl_slist_free_all(struct curl_slist *list) { library.slist_free_all(list); }
