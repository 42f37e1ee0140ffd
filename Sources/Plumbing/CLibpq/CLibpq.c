#include "CLibpq.h"

#include <dlfcn.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

// Every function of libpq that is called; its type is taken from <libpq-fe.h>.
#define EACH_FUNCTION(use) \
    use(conninfoParse) \
    use(conninfoFree) \
    use(freemem) \
    use(connectStartParams) \
    use(connectPoll) \
    use(status) \
    use(socket) \
    use(errorMessage) \
    use(finish) \
    use(setnonblocking) \
    use(flush) \
    use(sendQuery) \
    use(sendQueryParams) \
    use(setSingleRowMode) \
    use(consumeInput) \
    use(isBusy) \
    use(getResult) \
    use(getCancel) \
    use(cancel) \
    use(freeCancel) \
    use(resultStatus) \
    use(resultErrorField) \
    use(cmdTuples) \
    use(ntuples) \
    use(nfields) \
    use(fname) \
    use(getvalue) \
    use(getisnull) \
    use(clear) \
    use(setNoticeReceiver)

#define FIELD(name) __typeof__(&PQ##name) name;
static struct { EACH_FUNCTION(FIELD) } pq;

// Written once, under `once`, which whoever reads them has passed.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int state;
// dlerror's text lasts until the next call on its thread.
static char problem[512];

static void fail(int now, const char *text) {
    state = now;
    snprintf(problem, sizeof problem, "%s", text ? text : "no reason was given");
}

// The soname since PostgreSQL 8.2. It is never unloaded: a resolver that hangs may outlive its connection.
static void load(void) {
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!library) return fail(bg_pq_absent, dlerror());

#define FIND(name) \
    pq.name = (__typeof__(pq.name))dlsym(library, "PQ" #name); \
    if (!pq.name) return fail(bg_pq_unusable, dlerror());
    EACH_FUNCTION(FIND)
}

int bg_pq_load(void) {
    pthread_once(&once, load);
    return state;
}

const char *bg_pq_load_error(void) {
    pthread_once(&once, load);
    return problem;
}

long long bg_pq_received(int socket) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size)) return -1;
    // Linux before 4.1 does not count them.
    if (size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) return -1;
    return (long long)info.tcpi_bytes_received;
}

static void drop(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

void bg_pq_drop_notices(PGconn *connection) { pq.setNoticeReceiver(connection, drop, NULL); }

PQconninfoOption *bg_pq_conninfoParse(const char *text, char **complaint) {
    return pq.conninfoParse(text, complaint);
}

void bg_pq_conninfoFree(PQconninfoOption *options) { pq.conninfoFree(options); }
void bg_pq_freemem(void *memory) { pq.freemem(memory); }

PGconn *bg_pq_connectStartParams(const char *const *names, const char *const *values, int expand) {
    return pq.connectStartParams(names, values, expand);
}

PostgresPollingStatusType bg_pq_connectPoll(PGconn *connection) { return pq.connectPoll(connection); }
ConnStatusType bg_pq_status(const PGconn *connection) { return pq.status(connection); }
int bg_pq_socket(const PGconn *connection) { return pq.socket(connection); }
const char *bg_pq_errorMessage(const PGconn *connection) { return pq.errorMessage(connection); }
void bg_pq_finish(PGconn *connection) { pq.finish(connection); }
int bg_pq_setnonblocking(PGconn *connection, int flag) { return pq.setnonblocking(connection, flag); }
int bg_pq_flush(PGconn *connection) { return pq.flush(connection); }

int bg_pq_sendQuery(PGconn *connection, const char *text) { return pq.sendQuery(connection, text); }

int bg_pq_sendStatement(PGconn *connection, const char *text, int count, const char *const *values) {
    return pq.sendQueryParams(connection, text, count, NULL, values, NULL, NULL, 0);
}

int bg_pq_setSingleRowMode(PGconn *connection) { return pq.setSingleRowMode(connection); }
int bg_pq_consumeInput(PGconn *connection) { return pq.consumeInput(connection); }
int bg_pq_isBusy(PGconn *connection) { return pq.isBusy(connection); }
PGresult *bg_pq_getResult(PGconn *connection) { return pq.getResult(connection); }
PGcancel *bg_pq_getCancel(PGconn *connection) { return pq.getCancel(connection); }
int bg_pq_cancel(PGcancel *cancel, char *complaint, int room) { return pq.cancel(cancel, complaint, room); }
void bg_pq_freeCancel(PGcancel *cancel) { pq.freeCancel(cancel); }
ExecStatusType bg_pq_resultStatus(const PGresult *result) { return pq.resultStatus(result); }

const char *bg_pq_resultErrorField(const PGresult *result, int field) {
    return pq.resultErrorField(result, field);
}

const char *bg_pq_cmdTuples(PGresult *result) { return pq.cmdTuples(result); }
int bg_pq_ntuples(const PGresult *result) { return pq.ntuples(result); }
int bg_pq_nfields(const PGresult *result) { return pq.nfields(result); }
const char *bg_pq_fname(const PGresult *result, int column) { return pq.fname(result, column); }

const char *bg_pq_getvalue(const PGresult *result, int row, int column) {
    return pq.getvalue(result, row, column);
}

int bg_pq_getisnull(const PGresult *result, int row, int column) {
    return pq.getisnull(result, row, column);
}

void bg_pq_clear(PGresult *result) { pq.clear(result); }
