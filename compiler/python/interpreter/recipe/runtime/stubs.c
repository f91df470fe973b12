// What CPython's configure takes for present, for WASI, and its C library has not.
// Each says that it cannot be done, as it would on a system without it.
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define UNSUPPORTED return (errno = ENOSYS, -1)

int setgroups(size_t n, const unsigned *groups) { UNSUPPORTED; }

int timerfd_create(int clock, int flags) { UNSUPPORTED; }
int timerfd_settime(int fd, int flags, const void *value, void *old) { UNSUPPORTED; }
int timerfd_gettime(int fd, void *value) { UNSUPPORTED; }

int epoll_create1(int flags) { UNSUPPORTED; }
int epoll_ctl(int epoll, int operation, int fd, void *event) { UNSUPPORTED; }
int epoll_wait(int epoll, void *events, int n, int timeout) { UNSUPPORTED; }

// Texts are not translated.
char *gettext(const char *text) { return (char *)text; }
char *dgettext(const char *domain, const char *text) { return (char *)text; }
char *dcgettext(const char *domain, const char *text, int category) { return (char *)text; }
char *textdomain(const char *domain) { return (char *)domain; }
char *bindtextdomain(const char *domain, const char *folder) { return (char *)folder; }
char *bind_textdomain_codeset(const char *domain, const char *codeset) { return (char *)codeset; }

// No name is known.
static int host_error;
int *__h_errno_location(void) { return &host_error; }
const char *hstrerror(int error) { return "not supported"; }
void *getservbyport(int port, const char *protocol) { return NULL; }
void *getservbyname(const char *name, const char *protocol) { return NULL; }
void *getprotobyname(const char *name) { return NULL; }
void *gethostbyname(const char *name) { return NULL; }
void *gethostbyaddr(const void *address, unsigned n, int type) { return NULL; }
