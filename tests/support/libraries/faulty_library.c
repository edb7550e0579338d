/*
 * A real library with failure modes: symbols not defined here come from the library that this one is linked with. The mode is
 * read from the file `<this library>.mode`; calls that tests check are appended to `<this library>.calls`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int32_t upbeat_stream_inject_fault(int32_t stream);

static void file_beside(char* path, const char* ending) {
  Dl_info info;
  dladdr((void*)file_beside, &info);
  snprintf(path, 4096, "%s.%s", info.dli_fname, ending);
}

static int mode_is(const char* wanted) {
  char path[4096], word[32] = "";
  file_beside(path, "mode");
  const int file = open(path, O_RDONLY);
  if (file < 0) return 0;
  const ssize_t length = read(file, word, sizeof word - 1);
  close(file);
  return length > 0 && strcmp(word, wanted) == 0;
}

static void note(const char* call) {
  char path[4096], line[64];
  file_beside(path, "calls");
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) return;
  const int length = snprintf(line, sizeof line, "%s\n", call);
  if (write(file, line, length) != length) close(file);
  else close(file);
}

/* Blocks, like a driver that hangs, until the mode changes. */
static void hold(const char* mode) {
  if (!mode_is(mode)) return;
  note(mode);
  while (mode_is(mode)) usleep(500);
}

#define REAL(name, ...) ((int32_t(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

int32_t upbeat_device_open(int32_t index, int32_t threads, int32_t simd) {
  note("open");
  return REAL(upbeat_device_open, int32_t, int32_t, int32_t)(index, threads, simd);
}

int32_t upbeat_device_close(int32_t device) {
  hold("stall");
  hold("stall for good");
  note("close");
  return REAL(upbeat_device_close, int32_t)(device);
}

int32_t upbeat_weight_load(int32_t stream, int32_t weight, int32_t first, int32_t rows, const char* path, int64_t offset,
                           int32_t paired_rows) {
  hold("hold load");
  note("load");
  return REAL(upbeat_weight_load, int32_t, int32_t, int32_t, int32_t, const char*, int64_t, int32_t)(
      stream, weight, first, rows, path, offset, paired_rows);
}

int32_t upbeat_stream_synchronize(int32_t stream, int64_t timeout_us) {
  if (mode_is("stall") || mode_is("stall for good")) {
    hold("stall");
    if (timeout_us < 0) hold("stall for good");
    if (mode_is("stall for good")) return 0;
  }
  note("synchronize");
  return REAL(upbeat_stream_synchronize, int32_t, int64_t)(stream, timeout_us);
}

int32_t upbeat_graph_destroy(int32_t graph) {
  note("graph destroy");
  return REAL(upbeat_graph_destroy, int32_t)(graph);
}

int32_t upbeat_event_record(int32_t event, int32_t stream) {
  if (mode_is("fault")) upbeat_stream_inject_fault(stream);
  return REAL(upbeat_event_record, int32_t, int32_t)(event, stream);
}

int32_t upbeat_event_wait(int32_t event, int64_t timeout_us) {
  if (mode_is("stall")) return 0;
  hold("hold step");
  return REAL(upbeat_event_wait, int32_t, int64_t)(event, timeout_us);
}
