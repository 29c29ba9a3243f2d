/* A daemon of a test's own: `factord` as FACTORD_BIN names it, on a socket in a new directory. */
#ifndef DAEMON_H
#define DAEMON_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct daemon {
    pid_t pid;
    char directory[64];
    char socket[112];
};

static inline void die(const char *why)
{
    fprintf(stderr, "FAILED: %s\n", why);
    exit(1);
}

/* Starts the daemon, or starts it again, and waits until it serves. */
static inline void daemon_start(struct daemon *daemon)
{
    const char *program = getenv("FACTORD_BIN");
    int out[2];
    if (!program) die("FACTORD_BIN must name the daemon");
    if (!daemon->directory[0]) {
        strcpy(daemon->directory, "/tmp/factord-c-XXXXXX");
        if (!mkdtemp(daemon->directory)) die("no directory for the socket");
        snprintf(daemon->socket, sizeof daemon->socket, "%s/control.sock", daemon->directory);
    }
    if (pipe(out) != 0) die("no pipe");
    daemon->pid = fork();
    if (daemon->pid == 0) {
        /* A test that is killed leaves no daemon behind. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        setenv("LOG_LEVEL", "ERROR", 1);
        setenv("FACTORD_TAP", "4096", 1);
        execl(program, program, "--socket", daemon->socket, "serve", "--no-http", "--idle",
              "backoff", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    char said[4096] = "";
    size_t len = 0;
    while (!strstr(said, "Ctrl-C") && len < sizeof said - 1) {
        ssize_t got = read(out[0], said + len, sizeof said - 1 - len);
        if (got <= 0) die("the daemon ended before it was ready");
        len += (size_t)got;
        said[len] = 0;
    }
    close(out[0]);
}

static inline void daemon_kill(struct daemon *daemon)
{
    if (daemon->pid <= 0) return;
    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, NULL, 0);
    daemon->pid = 0;
}

static inline void daemon_end(struct daemon *daemon)
{
    daemon_kill(daemon);
    unlink(daemon->socket);
    rmdir(daemon->directory);
}

#endif
