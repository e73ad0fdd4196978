/* Shows that a library was loaded: its constructor leaves a file. Stands for an attacker's code. */
#include <fcntl.h>
#include <unistd.h>

__attribute__((constructor)) static void leave_mark(void) {
    int fd = open(MARKER, O_CREAT | O_WRONLY, 0600);
    if (fd >= 0)
        close(fd);
}

/* ssh-agent loads only what has a provider's entry points. Both fail. */
unsigned long C_GetFunctionList(void **list) { (void)list; return 5; }
int sk_api_version(void) { return 0; }
