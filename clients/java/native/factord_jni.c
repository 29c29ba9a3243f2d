/*
 * The system calls of attaching, which Java has no words for: sequenced-packet sockets, descriptors
 * that come with a message, seals, and mappings. Nothing here knows the protocol, and nothing here
 * runs while predictions are made, but for the parameters of models that are fetched.
 *
 * Every function answers with a number: what was asked for, or a negated errno.
 */
#if !defined(__linux__)
#error "factord runs on Linux: sealed memory files are Linux's own"
#endif

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jni.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Linux 5.14; older C libraries do not name them. Source: include/uapi/asm-generic/mman-common.h. */
#define POPULATE_READ 22
#define POPULATE_WRITE 23

/* The longest message of either side, and the most descriptors one carries. */
enum { MESSAGE_LEN_MAX = 256, DESCRIPTOR_COUNT_MAX = 4 };

static void close_all(const int *fds, int count) {
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
}

/* A socket that never waits; the descriptor. */
JNIEXPORT jint JNICALL Java_factord_Native_socket(JNIEnv *env, jclass type) {
    (void)env;
    (void)type;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

/* Connects to the socket at a path; -EAGAIN when its queue of connections is full. */
JNIEXPORT jint JNICALL Java_factord_Native_connect(JNIEnv *env, jclass type, jint fd,
                                                   jbyteArray path) {
    (void)type;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    jsize len = (*env)->GetArrayLength(env, path);
    /* One byte less, for the NUL at the end. */
    if (len <= 0 || (size_t)len >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    (*env)->GetByteArrayRegion(env, path, 0, len, (jbyte *)address.sun_path);
    bool connected = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    return connected || errno == EISCONN ? 0 : -errno;
}

/* What is at a path itself: its mode, above the 32 bits of its owner. */
JNIEXPORT jlong JNICALL Java_factord_Native_linkStatus(JNIEnv *env, jclass type, jbyteArray path) {
    (void)type;
    char name[PATH_MAX] = "";
    jsize len = (*env)->GetArrayLength(env, path);
    if ((size_t)len >= sizeof name) {
        return -ENAMETOOLONG;
    }
    (*env)->GetByteArrayRegion(env, path, 0, len, (jbyte *)name);
    struct stat found;
    return lstat(name, &found) != 0 ? -errno : (jlong)found.st_mode << 32 | found.st_uid;
}

/* The user at the other end of a connection. */
JNIEXPORT jlong JNICALL Java_factord_Native_peerUser(JNIEnv *env, jclass type, jint fd) {
    (void)env;
    (void)type;
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ? -errno : (jlong)peer.uid;
}

/* Sends one message, if that can be done at once. */
JNIEXPORT jint JNICALL Java_factord_Native_send(JNIEnv *env, jclass type, jint fd,
                                                jbyteArray message) {
    (void)type;
    jbyte bytes[MESSAGE_LEN_MAX];
    jsize len = (*env)->GetArrayLength(env, message);
    if (len > MESSAGE_LEN_MAX) {
        return -EMSGSIZE;
    }
    (*env)->GetByteArrayRegion(env, message, 0, len, bytes);
    ssize_t sent;
    do {
        sent = send(fd, bytes, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* Waits until the socket has something to read, for a time, or less when a signal comes. */
JNIEXPORT void JNICALL Java_factord_Native_waitReadable(JNIEnv *env, jclass type, jint fd,
                                                        jlong limit_ns) {
    (void)env;
    (void)type;
    struct pollfd set = {.fd = fd, .events = POLLIN};
    const struct timespec limit = {(time_t)(limit_ns / 1000000000), (long)(limit_ns % 1000000000)};
    ppoll(&set, 1, &limit, NULL);
}

/* Takes the descriptors out of a message's ancillary data; how many there were. */
static int take_descriptors(struct msghdr *header, int fds[DESCRIPTOR_COUNT_MAX]) {
    int count = 0;
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(header); entry; entry = CMSG_NXTHDR(header, entry)) {
        if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t found = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < found; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(entry) + i * sizeof fd, sizeof fd);
            if (count < DESCRIPTOR_COUNT_MAX) {
                fds[count++] = fd;
            } else {
                close(fd);
            }
        }
    }
    return count;
}

/*
 * Receives one message; its length, 0 when the peer is gone, -EAGAIN when there is none. The
 * descriptors that came with it are the caller's to close; the places without one hold -1. A message that does not
 * fit is -EMSGSIZE, and its descriptors are closed.
 */
JNIEXPORT jint JNICALL Java_factord_Native_receive(JNIEnv *env, jclass type, jint fd,
                                                   jbyteArray message, jintArray descriptors) {
    (void)type;
    jbyte bytes[MESSAGE_LEN_MAX];
    union {
        struct cmsghdr alignment;
        char space[CMSG_SPACE(DESCRIPTOR_COUNT_MAX * sizeof(int))];
    } ancillary;
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr header = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = ancillary.space,
        .msg_controllen = sizeof ancillary.space,
    };
    ssize_t len;
    do {
        len = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return -errno;
    }
    int fds[DESCRIPTOR_COUNT_MAX];
    int count = take_descriptors(&header, fds);
    jint places[DESCRIPTOR_COUNT_MAX];
    for (int i = 0; i < DESCRIPTOR_COUNT_MAX; i++) {
        places[i] = i < count ? fds[i] : -1;
    }
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        len > (*env)->GetArrayLength(env, message) ||
        (*env)->GetArrayLength(env, descriptors) < DESCRIPTOR_COUNT_MAX) {
        close_all(fds, count);
        return -EMSGSIZE;
    }
    (*env)->SetByteArrayRegion(env, message, 0, (jsize)len, bytes);
    (*env)->SetIntArrayRegion(env, descriptors, 0, DESCRIPTOR_COUNT_MAX, places);
    return (jint)len;
}

/* Tells whether the peer has closed the socket or died. */
JNIEXPORT jboolean JNICALL Java_factord_Native_hungUp(JNIEnv *env, jclass type, jint fd) {
    (void)env;
    (void)type;
    struct pollfd set = {.fd = fd, .events = POLLRDHUP};
    return poll(&set, 1, 0) > 0 && (set.revents & (POLLHUP | POLLERR | POLLRDHUP | POLLNVAL)) != 0;
}

/* The size of a file. */
JNIEXPORT jlong JNICALL Java_factord_Native_length(JNIEnv *env, jclass type, jint fd) {
    (void)env;
    (void)type;
    struct stat found;
    return fstat(fd, &found) != 0 ? -errno : (jlong)found.st_size;
}

/* Reads as many bytes from the start of a file as the array takes; 0, or -ENODATA when it is shorter. */
JNIEXPORT jint JNICALL Java_factord_Native_read(JNIEnv *env, jclass type, jint fd,
                                                jbyteArray bytes) {
    (void)type;
    jbyte part[4096];
    jsize len = (*env)->GetArrayLength(env, bytes);
    for (jsize at = 0; at < len;) {
        size_t wanted = (size_t)(len - at) < sizeof part ? (size_t)(len - at) : sizeof part;
        ssize_t got = pread(fd, part, wanted, at);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (got == 0) {
            return -ENODATA;
        }
        if (got > 0) {
            (*env)->SetByteArrayRegion(env, bytes, at, (jsize)got, part);
            at += (jsize)got;
        }
    }
    return 0;
}

/* 1 when a memory file can neither shrink nor grow, 0 when it can. */
JNIEXPORT jint JNICALL Java_factord_Native_sizeSealed(JNIEnv *env, jclass type, jint fd) {
    (void)env;
    (void)type;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) {
        return -errno;
    }
    return (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) == (F_SEAL_SHRINK | F_SEAL_GROW);
}

/* Maps a file whole, out of the reach of forked children; its address. */
JNIEXPORT jlong JNICALL Java_factord_Native_map(JNIEnv *env, jclass type, jint fd, jlong len,
                                                jboolean writable) {
    (void)env;
    (void)type;
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *start = mmap(NULL, (size_t)len, protection, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) {
        return -errno;
    }
    int populate = writable ? POPULATE_WRITE : POPULATE_READ;
    int error = 0;
    if (madvise(start, (size_t)len, MADV_DONTFORK) != 0) {
        error = errno;
    } else if (madvise(start, (size_t)len, populate) != 0 && errno != EINVAL) {
        /* EINVAL: a kernel before 5.14 fills the page table at the first access instead. */
        error = errno;
    }
    if (error != 0) {
        munmap(start, (size_t)len);
        return -error;
    }
    return (jlong)(intptr_t)start;
}

/* A buffer over a mapping; it must not be touched once the mapping is gone. */
JNIEXPORT jobject JNICALL Java_factord_Native_buffer(JNIEnv *env, jclass type, jlong start,
                                                     jlong len) {
    (void)type;
    return (*env)->NewDirectByteBuffer(env, (void *)(intptr_t)start, len);
}

/*
 * Takes a mapping away, in the process that made it: a forked child has none there, or one of its
 * own.
 */
JNIEXPORT void JNICALL Java_factord_Native_unmap(JNIEnv *env, jclass type, jlong start, jlong len,
                                                 jint process) {
    (void)env;
    (void)type;
    if (process == getpid()) {
        munmap((void *)(intptr_t)start, (size_t)len);
    }
}

/* Closes a descriptor. */
JNIEXPORT void JNICALL Java_factord_Native_close(JNIEnv *env, jclass type, jint fd) {
    (void)env;
    (void)type;
    close(fd);
}

/* The effective user of this process. */
JNIEXPORT jint JNICALL Java_factord_Native_userId(JNIEnv *env, jclass type) {
    (void)env;
    (void)type;
    return (jint)geteuid();
}

/* This process. */
JNIEXPORT jint JNICALL Java_factord_Native_processId(JNIEnv *env, jclass type) {
    (void)env;
    (void)type;
    return (jint)getpid();
}

/* The CPUs that this thread may run on, a bit each from the first word on; -ENOSPC when the array is short. */
JNIEXPORT jint JNICALL Java_factord_Native_allowedCpus(JNIEnv *env, jclass type, jlongArray mask) {
    (void)type;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return -errno;
    }
    jlong words[sizeof set / sizeof(jlong)] = {0};
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            words[cpu / 64] |= (jlong)(UINT64_C(1) << cpu % 64);
        }
    }
    jsize count = sizeof words / sizeof words[0];
    if ((*env)->GetArrayLength(env, mask) < count) {
        return -ENOSPC;
    }
    (*env)->SetLongArrayRegion(env, mask, 0, count, words);
    return 0;
}

/* The clock by which the daemon's heart beats; never before it has begun. */
JNIEXPORT jlong JNICALL Java_factord_Native_monotonicNs(JNIEnv *env, jclass type) {
    (void)env;
    (void)type;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (jlong)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What an errno means, in words. */
JNIEXPORT jstring JNICALL Java_factord_Native_message(JNIEnv *env, jclass type, jint error) {
    (void)type;
    char text[128] = "";
    const char *words = strerror_r(error, text, sizeof text);
    return (*env)->NewStringUTF(env, words);
}
