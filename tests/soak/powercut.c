/* Writes down what a process does to its files, so that a power cut can be played afterwards at any moment.
 *
 * LD_PRELOAD this, POWERCUT_LOG names the log, POWERCUT_DIR the folder that is looked at. Each entry: one
 * byte what, 8 bytes offset, 4 bytes length of the name, 4 bytes length of the data, the name, the data.
 * W write, S sync, T truncate (offset is the new size), D delete, M a mark that the process itself makes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;

static int name_of(int fd, char *name) {
    char link[64];
    const char *folder = getenv("POWERCUT_DIR");
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, PATH_MAX - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    return strncmp(name, folder, strlen(folder)) == 0;
}

static void note(char what, uint64_t offset, const char *name, const void *data, uint32_t size) {
    static ssize_t (*real_write)(int, const void *, size_t);
    if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
    pthread_mutex_lock(&lock);
    if (out < 0) out = open(getenv("POWERCUT_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    uint32_t name_size = strlen(name);
    char head[17];
    head[0] = what;
    memcpy(head + 1, &offset, 8);
    memcpy(head + 9, &name_size, 4);
    memcpy(head + 13, &size, 4);
    if (real_write(out, head, sizeof head) != sizeof head || real_write(out, name, name_size) != name_size ||
        (size && real_write(out, data, size) != (ssize_t)size))
        abort();
    pthread_mutex_unlock(&lock);
}

static ssize_t any_pwrite(const char *symbol, int fd, const void *data, size_t size, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, symbol);
    ssize_t done = real(fd, data, size, offset);
    char name[PATH_MAX];
    if (done > 0 && name_of(fd, name)) note('W', offset, name, data, done);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return any_pwrite("pwrite64", fd, data, size, at); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return any_pwrite("pwrite", fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    char name[PATH_MAX];
    if (name_of(fd, name)) {
        off64_t at = lseek64(fd, 0, SEEK_CUR);
        ssize_t done = real(fd, data, size);
        if (done > 0) {
            if (strstr(name, "/marks")) note('M', 0, name, data, done);
            else note('W', at, name, data, done);
        }
        return done;
    }
    return real(fd, data, size);
}

static int any_sync(const char *symbol, int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, symbol);
    int done = real(fd);
    char name[PATH_MAX];
    if (done == 0 && name_of(fd, name)) note('S', 0, name, NULL, 0);
    return done;
}
int fsync(int fd) { return any_sync("fsync", fd); }
int fdatasync(int fd) { return any_sync("fdatasync", fd); }

static int any_truncate(const char *symbol, int fd, off64_t size) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, symbol);
    int done = real(fd, size);
    char name[PATH_MAX];
    if (done == 0 && name_of(fd, name)) note('T', size, name, NULL, 0);
    return done;
}
int ftruncate64(int fd, off64_t size) { return any_truncate("ftruncate64", fd, size); }
int ftruncate(int fd, off_t size) { return any_truncate("ftruncate", fd, size); }

int unlink(const char *path) {
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    int done = real(path);
    const char *folder = getenv("POWERCUT_DIR");
    if (done == 0 && folder && strncmp(path, folder, strlen(folder)) == 0) note('D', 0, path, NULL, 0);
    return done;
}
