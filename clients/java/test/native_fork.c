/* A forked child that closes its parent's client keeps the mapping of its own that lies at the same
 * address. The functions under test ask nothing of the virtual machine. */
#define _GNU_SOURCE
#include <assert.h>
#include <jni.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

jlong Java_factord_Native_map(JNIEnv *env, jclass type, jint fd, jlong len, jboolean writable);
void Java_factord_Native_unmap(JNIEnv *env, jclass type, jlong start, jlong len, jint process);
jint Java_factord_Native_processId(JNIEnv *env, jclass type);

enum { LEN = 1 << 16 };

static int is_mapped(jlong start) {
    unsigned char present[LEN / 4096];
    return mincore((void *)(intptr_t)start, LEN, present) == 0;
}

int main(void) {
    int fd = memfd_create("fork", 0);
    assert(fd >= 0 && ftruncate(fd, LEN) == 0);
    jlong parents = Java_factord_Native_map(NULL, NULL, fd, LEN, 1);
    jint parent = Java_factord_Native_processId(NULL, NULL);
    assert(parents > 0);
    pid_t child = fork();
    assert(child >= 0);
    if (child == 0) {
        /* The mapping was not inherited, and its place is free. */
        assert(!is_mapped(parents));
        void *own = mmap((void *)(intptr_t)parents, LEN, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
        assert((intptr_t)own == (intptr_t)parents);
        Java_factord_Native_unmap(NULL, NULL, parents, LEN, parent);
        assert(is_mapped(parents));
        Java_factord_Native_unmap(NULL, NULL, parents, LEN, getpid());
        assert(!is_mapped(parents));
        _exit(0);
    }
    int status = -1;
    assert(waitpid(child, &status, 0) == child && status == 0);
    assert(is_mapped(parents));
    Java_factord_Native_unmap(NULL, NULL, parents, LEN, parent);
    assert(!is_mapped(parents));
    puts("a_forked_child_keeps_what_lies_where_its_parent_s_mapping_lay ... ok");
    return 0;
}
