/* One IP link between two network namespaces, with delay, loss, a bottleneck rate and its queue. For kernels without the netem qdisc.
 *
 * Each end is a TUN device called wan0 in its namespace; this process is the cable between them. Packets keep their order: the delay is
 * constant, so the packets on their way are a queue per direction and no heap is needed.
 *
 *     cc -O2 -o link link.c
 *     ./link --a NAMESPACE --b NAMESPACE [--delay MS] [--loss PERCENT] [--rate MBIT] [--queue PACKETS] [--mtu BYTES] [--seed N]
 *
 * delay is one way, loss independent for each packet, rate 0 no bottleneck. The namespaces must exist. Prints "ready" when both devices
 * are there; on SIGTERM or SIGINT, a line for each direction with what it carried, lost and dropped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1 << 15, SLOT_BYTES = 2048, READS_PER_TURN = 64 };

typedef struct {
  uint64_t due; /* ns */
  uint16_t length;
} Slot;

/* What is on its way in one direction, oldest first. */
typedef struct {
  Slot slots[SLOTS];
  uint8_t *bytes;
  uint32_t head, count;
  uint64_t wire_free; /* when the bottleneck has sent all that it holds, ns */
  uint64_t carried, lost, dropped;
} Direction;

static double delay_ms, loss_percent, rate_mbit;
static int queue_packets = 1000, mtu = 1500;
static uint64_t random_state = 1;
static volatile sig_atomic_t stopping;
static Direction directions[2];

static void fail(const char *what) {
  fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void on_signal(int number) {
  (void)number;
  stopping = 1;
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* xorshift64*: a number from 0 to below 1. */
static double random_share(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (double)((random_state * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

/* Makes the device of one end; the process stays in its own namespace. */
static int open_end(const char *namespace) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
  int home = open("/proc/self/ns/net", O_RDONLY);
  int there = open(path, O_RDONLY);
  if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0) fail(path);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (device < 0) fail("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "wan0"};
  if (ioctl(device, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  if (setns(home, CLONE_NEWNET) != 0) fail("setns");
  close(home);
  close(there);
  return device;
}

/* A packet enters: through the bottleneck with its queue, then over the lossy line. */
static void admit(Direction *direction, const uint8_t *packet, int length, uint64_t now) {
  uint64_t leaves = now;
  if (rate_mbit > 0) {
    uint64_t starts = direction->wire_free > now ? direction->wire_free : now;
    if (starts - now > (uint64_t)(queue_packets * (mtu * 8e3 / rate_mbit))) {
      direction->dropped++;
      return;
    }
    leaves = direction->wire_free = starts + (uint64_t)(length * 8e3 / rate_mbit);
  }
  if (random_share() * 100 < loss_percent) {
    direction->lost++;
    return;
  }
  if (direction->count == SLOTS) {
    direction->dropped++;
    return;
  }
  uint32_t at = (direction->head + direction->count++) % SLOTS;
  direction->slots[at] = (Slot){.due = leaves + (uint64_t)(delay_ms * 1e6), .length = (uint16_t)length};
  memcpy(direction->bytes + (size_t)at * SLOT_BYTES, packet, (size_t)length);
}

/* Hands over what has arrived; returns when the next packet does, at the latest in a second. */
static uint64_t deliver(Direction *direction, int device, uint64_t now) {
  while (direction->count > 0 && direction->slots[direction->head].due <= now) {
    Slot *slot = &direction->slots[direction->head];
    if (write(device, direction->bytes + (size_t)direction->head * SLOT_BYTES, slot->length) == slot->length) direction->carried++;
    else direction->dropped++;
    direction->head = (direction->head + 1) % SLOTS;
    direction->count--;
  }
  return direction->count > 0 ? direction->slots[direction->head].due : now + 1000000000u;
}

int main(int argc, char **argv) {
  static const struct option options[] = {{"a", 1, 0, 'a'},    {"b", 1, 0, 'b'},     {"delay", 1, 0, 'd'}, {"loss", 1, 0, 'l'},
                                          {"rate", 1, 0, 'r'}, {"queue", 1, 0, 'q'}, {"mtu", 1, 0, 'm'},   {"seed", 1, 0, 's'},
                                          {0, 0, 0, 0}};
  const char *namespaces[2] = {NULL, NULL};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'a') namespaces[0] = optarg;
    else if (option == 'b') namespaces[1] = optarg;
    else if (option == 'd') delay_ms = atof(optarg);
    else if (option == 'l') loss_percent = atof(optarg);
    else if (option == 'r') rate_mbit = atof(optarg);
    else if (option == 'q') queue_packets = atoi(optarg);
    else if (option == 'm') mtu = atoi(optarg);
    else if (option == 's') random_state = strtoull(optarg, NULL, 10) * 0x9E3779B97F4A7C15u | 1;
    else return 2;
  }
  if (namespaces[0] == NULL || namespaces[1] == NULL || mtu > SLOT_BYTES) return 2;

  int devices[2];
  for (int end = 0; end < 2; end++) {
    devices[end] = open_end(namespaces[end]);
    directions[end].bytes = malloc((size_t)SLOTS * SLOT_BYTES);
    if (directions[end].bytes == NULL) fail("malloc");
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  puts("ready");
  fflush(stdout);

  static uint8_t packet[SLOT_BYTES];
  while (!stopping) {
    uint64_t now = now_ns();
    uint64_t next = deliver(&directions[0], devices[1], now);
    uint64_t other = deliver(&directions[1], devices[0], now);
    if (other < next) next = other;
    now = now_ns();
    uint64_t wait = next > now ? next - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    struct pollfd ready[2] = {{devices[0], POLLIN, 0}, {devices[1], POLLIN, 0}};
    if (ppoll(ready, 2, &timeout, NULL) <= 0) continue;
    for (int end = 0; end < 2; end++) {
      if ((ready[end].revents & POLLIN) == 0) continue;
      for (int reads = 0; reads < READS_PER_TURN; reads++) {
        ssize_t length = read(devices[end], packet, sizeof packet);
        if (length <= 0) break;
        admit(&directions[end], packet, (int)length, now_ns());
      }
    }
  }
  for (int end = 0; end < 2; end++) {
    Direction *direction = &directions[end];
    printf("%s -> %s: carried %llu lost %llu dropped %llu\n", namespaces[end], namespaces[1 - end], (unsigned long long)direction->carried,
           (unsigned long long)direction->lost, (unsigned long long)direction->dropped);
  }
  return 0;
}
