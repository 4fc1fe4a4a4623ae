/* One IP link between two network namespaces, for kernels without the netem qdisc.
 *
 * Each end is a TUN device called wan0 in its namespace; this process is the cable between them.
 * A packet passes, in this order: the policer, the queue of the bottleneck, the bottleneck (a rate or
 * recorded delivery times), random loss, the delay. It runs as a real-time process where it may, because
 * a cable does not wait for a processor.
 *
 *     cc -O2 -o link link.c
 *     ./link --a NAMESPACE --b NAMESPACE [OPTION VALUE]...
 *
 *     --delay MS           one way
 *     --jitter MS          more delay, uniform from 0, for each packet; packets overtake each other
 *     --loss PERCENT       each direction
 *     --burst N            mean length of a run of losses (default 1: each packet by itself)
 *     --rate MBIT          of the bottleneck; 0: none
 *     --queue PACKETS      that wait at the bottleneck before more are dropped (default 1000)
 *     --police MBIT:BYTES  a token bucket that drops what is above it; from a to b and back
 *     --trace-up FILE, --trace-down FILE
 *                          instead of the rate, from a to b and back: delivery times in ms, one a line,
 *                          each good for 1504 bytes, repeated at the end (mahimahi's format)
 *     --change MS:NAME=VALUE[:NAME=VALUE...][,MS:...]
 *                          at a time: rate, delay, jitter or loss becomes another, in order of time
 *     --mtu BYTES, --seed N
 *
 * The namespaces must exist. Prints "ready" when both devices are there. SIGUSR1 is the beginning of time
 * for traces and changes. On SIGTERM or SIGINT it prints a line of JSON: what each direction did, and how
 * late packets were handed over beyond their time because this process had to wait.
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

enum { SLOTS = 1 << 15, SLOT_BYTES = 2048, READS_PER_TURN = 64, OPPORTUNITY_BYTES = 1504, CHANGES = 64 };
#define SECOND 1000000000u

typedef struct {
  uint64_t due; /* ns: when it came while it waits, when it arrives once it has left the bottleneck */
  uint64_t order;
  uint16_t length, slot;
} Packet;

typedef struct {
  uint8_t *bytes; /* SLOTS slots */
  uint16_t free[SLOTS];
  uint32_t free_count;
  Packet waiting[SLOTS]; /* at the bottleneck, a ring, oldest first */
  uint32_t head, count;
  Packet flying[SLOTS]; /* on the line, a heap by due and order */
  uint32_t flying_count;
  uint64_t leaves; /* when the head of the queue has left the bottleneck; 0: not computed yet */
  uint64_t wire_free;
  int in_burst;
  double tokens; /* of the policer, bytes */
  uint64_t tokens_at;
  uint32_t *trace;
  size_t trace_count, trace_at;
  uint64_t trace_loops, opportunity;
  int opportunity_left;
  uint64_t carried, lost, dropped, policed;
} Direction;

typedef struct {
  uint64_t at; /* ns after the beginning of time */
  double *what;
  double value;
} Change;

static double delay_ms, jitter_ms, loss_percent, rate_mbit, police_mbit, police_bytes, burst = 1;
static int queue_packets = 1000, mtu = 1500;
static uint64_t random_state = 1, next_order, beginning, late_ns, late_worst;
static volatile sig_atomic_t stopping, begins;
static Direction directions[2];
static Change changes[CHANGES];
static int change_count, changes_done;

static void fail(const char *what) {
  fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void mistake(const char *option, const char *value) {
  fprintf(stderr, "link: --%s %s: see the head of link.c\n", option, value);
  exit(2);
}

static void on_signal(int number) {
  if (number == SIGUSR1) begins = 1;
  else stopping = 1;
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
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

static void read_trace(Direction *direction, const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  unsigned long ms;
  size_t room = 0;
  while (fscanf(file, "%lu", &ms) == 1) {
    if (direction->trace_count == room) {
      room = room == 0 ? 4096 : room * 2;
      direction->trace = realloc(direction->trace, room * sizeof *direction->trace);
      if (direction->trace == NULL) fail("realloc");
    }
    direction->trace[direction->trace_count++] = (uint32_t)ms;
  }
  if (!feof(file) || direction->trace_count == 0 || ms == 0) mistake("trace", path);
  fclose(file);
}

static void read_changes(const char *text) {
  for (const char *at = text; *at != 0;) {
    char *end;
    double ms = strtod(at, &end);
    if (end == at || *end != ':') mistake("change", text);
    while (*end == ':') {
      static const struct {
        const char *name;
        double *what;
      } names[] = {{"rate=", &rate_mbit}, {"delay=", &delay_ms}, {"jitter=", &jitter_ms}, {"loss=", &loss_percent}};
      int index = 0;
      while (index < 4 && strncmp(end + 1, names[index].name, strlen(names[index].name)) != 0) index++;
      if (index == 4 || change_count == CHANGES) mistake("change", text);
      const char *value = end + 1 + strlen(names[index].name);
      changes[change_count++] = (Change){(uint64_t)(ms * 1e6), names[index].what, strtod(value, &end)};
      if (end == value) mistake("change", text);
    }
    if (*end != ',' && *end != 0) mistake("change", text);
    at = *end == ',' ? end + 1 : end;
  }
}

static int is_before(const Packet *one, const Packet *other) {
  return one->due != other->due ? one->due < other->due : one->order < other->order;
}

static void fly(Direction *direction, Packet packet) {
  uint32_t at = direction->flying_count++;
  for (; at > 0 && is_before(&packet, &direction->flying[(at - 1) / 2]); at = (at - 1) / 2)
    direction->flying[at] = direction->flying[(at - 1) / 2];
  direction->flying[at] = packet;
}

static Packet land(Direction *direction) {
  Packet first = direction->flying[0], last = direction->flying[--direction->flying_count];
  uint32_t at = 0;
  for (uint32_t child; (child = 2 * at + 1) < direction->flying_count; at = child) {
    if (child + 1 < direction->flying_count && is_before(&direction->flying[child + 1], &direction->flying[child])) child++;
    if (!is_before(&direction->flying[child], &last)) break;
    direction->flying[at] = direction->flying[child];
  }
  direction->flying[at] = last;
  return first;
}

static int is_lost(Direction *direction) {
  double share = loss_percent / 100;
  if (burst <= 1 || share <= 0 || share >= 1) return random_share() < share;
  /* Gilbert's model: two states, such that the share of all packets is as wanted. */
  double change = direction->in_burst ? 1 / burst : share / (burst * (1 - share));
  if (random_share() < change) direction->in_burst = !direction->in_burst;
  return direction->in_burst;
}

/* When a packet that may leave from `start` on has used up its share of the recorded delivery times. */
static uint64_t leave_by_trace(Direction *direction, uint64_t start, int length) {
  if (direction->opportunity < start) direction->opportunity_left = 0;
  while (length > 0) {
    while (direction->opportunity_left == 0) {
      if (direction->trace_at == direction->trace_count) {
        direction->trace_at = 0;
        direction->trace_loops++;
      }
      uint64_t ms = direction->trace_loops * direction->trace[direction->trace_count - 1] + direction->trace[direction->trace_at++];
      direction->opportunity = beginning + ms * 1000000u;
      if (direction->opportunity >= start) direction->opportunity_left = OPPORTUNITY_BYTES;
    }
    int taken = length < direction->opportunity_left ? length : direction->opportunity_left;
    direction->opportunity_left -= taken;
    length -= taken;
  }
  return direction->opportunity;
}

/* Sends what waits at the bottleneck, as far as its time has come. */
static void serve(Direction *direction, uint64_t now) {
  while (direction->count > 0) {
    Packet packet = direction->waiting[direction->head];
    if (direction->leaves == 0) {
      uint64_t start = direction->wire_free > packet.due ? direction->wire_free : packet.due;
      if (direction->trace != NULL) direction->leaves = leave_by_trace(direction, start, packet.length);
      else direction->leaves = start + (rate_mbit > 0 ? (uint64_t)(packet.length * 8e3 / rate_mbit) : 0);
      if (direction->leaves < direction->wire_free) direction->leaves = direction->wire_free;
    }
    if (direction->leaves > now) return;
    direction->wire_free = direction->leaves;
    direction->head = (direction->head + 1) % SLOTS;
    direction->count--;
    if (is_lost(direction)) {
      direction->lost++;
      direction->free[direction->free_count++] = packet.slot;
    } else {
      packet.due = direction->leaves + (uint64_t)((delay_ms + (jitter_ms > 0 ? jitter_ms * random_share() : 0)) * 1e6);
      fly(direction, packet);
    }
    direction->leaves = 0;
  }
}

static int is_above_policy(Direction *direction, int length, uint64_t now) {
  if (police_mbit <= 0) return 0;
  direction->tokens += (double)(now - direction->tokens_at) * police_mbit / 8e3;
  direction->tokens_at = now;
  if (direction->tokens > police_bytes) direction->tokens = police_bytes;
  if (direction->tokens < length) return 1;
  direction->tokens -= length;
  return 0;
}

static void admit(Direction *direction, const uint8_t *packet, int length, uint64_t now) {
  serve(direction, now);
  if (is_above_policy(direction, length, now)) {
    direction->policed++;
  } else if (direction->count >= (uint32_t)queue_packets || direction->free_count == 0) {
    direction->dropped++;
  } else {
    uint16_t slot = direction->free[--direction->free_count];
    memcpy(direction->bytes + (size_t)slot * SLOT_BYTES, packet, (size_t)length);
    direction->waiting[(direction->head + direction->count++) % SLOTS] = (Packet){now, next_order++, (uint16_t)length, slot};
  }
}

/* Hands over what has arrived; returns when there is something to do again, at the latest in a second. */
static uint64_t deliver(Direction *direction, int device, uint64_t now) {
  serve(direction, now);
  while (direction->flying_count > 0 && direction->flying[0].due <= now) {
    Packet packet = land(direction);
    if (write(device, direction->bytes + (size_t)packet.slot * SLOT_BYTES, packet.length) == packet.length) direction->carried++;
    else direction->dropped++;
    direction->free[direction->free_count++] = packet.slot;
    uint64_t late = now_ns() - packet.due;
    late_ns += late;
    if (late > late_worst) late_worst = late;
  }
  uint64_t next = now + SECOND;
  if (direction->flying_count > 0 && direction->flying[0].due < next) next = direction->flying[0].due;
  /* Nothing that leaves the bottleneck arrives before its delay is over. */
  uint64_t next_arrival = direction->leaves + (uint64_t)(delay_ms * 1e6);
  if (direction->count > 0 && next_arrival < next) next = next_arrival;
  return next;
}

static void begin(uint64_t now) {
  beginning = now;
  changes_done = 0;
  for (int end = 0; end < 2; end++) directions[end].trace_at = directions[end].trace_loops = 0;
}

/* Makes the changes whose time has come; returns when the next one's does. */
static uint64_t make_changes(uint64_t now) {
  while (changes_done < change_count) {
    const Change *change = &changes[changes_done];
    uint64_t at = beginning + change->at;
    if (at > now) return at;
    for (int end = 0; end < 2; end++) serve(&directions[end], at);
    *change->what = change->value;
    changes_done++;
  }
  return UINT64_MAX;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"a", 1, 0, 'a'},        {"b", 1, 0, 'b'},     {"delay", 1, 0, 'd'},  {"jitter", 1, 0, 'j'},   {"loss", 1, 0, 'l'},
      {"burst", 1, 0, 'u'},    {"rate", 1, 0, 'r'},  {"queue", 1, 0, 'q'},  {"police", 1, 0, 'p'},   {"trace-up", 1, 0, 'U'},
      {"change", 1, 0, 'c'},   {"mtu", 1, 0, 'm'},   {"seed", 1, 0, 's'},   {"trace-down", 1, 0, 'D'}, {0, 0, 0, 0}};
  const char *namespaces[2] = {NULL, NULL};
  int has_changes = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'a') namespaces[0] = optarg;
    else if (option == 'b') namespaces[1] = optarg;
    else if (option == 'd') delay_ms = atof(optarg);
    else if (option == 'j') jitter_ms = atof(optarg);
    else if (option == 'l') loss_percent = atof(optarg);
    else if (option == 'u') burst = atof(optarg);
    else if (option == 'r') rate_mbit = atof(optarg);
    else if (option == 'q') queue_packets = atoi(optarg);
    else if (option == 'U') read_trace(&directions[0], optarg);
    else if (option == 'D') read_trace(&directions[1], optarg);
    else if (option == 'm') mtu = atoi(optarg);
    else if (option == 's') random_state = strtoull(optarg, NULL, 10) * 0x9E3779B97F4A7C15u | 1;
    else if (option == 'c') {
      read_changes(optarg);
      has_changes = 1;
    } else if (option == 'p') {
      if (sscanf(optarg, "%lf:%lf", &police_mbit, &police_bytes) != 2) mistake("police", optarg);
    } else return 2;
  }
  if (namespaces[0] == NULL || namespaces[1] == NULL || mtu > SLOT_BYTES || queue_packets < 1) return 2;

  int devices[2];
  for (int end = 0; end < 2; end++) {
    Direction *direction = &directions[end];
    devices[end] = open_end(namespaces[end]);
    direction->bytes = malloc((size_t)SLOTS * SLOT_BYTES);
    if (direction->bytes == NULL) fail("malloc");
    for (uint32_t slot = 0; slot < SLOTS; slot++) direction->free[direction->free_count++] = (uint16_t)slot;
    direction->tokens = police_bytes;
    direction->tokens_at = now_ns();
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  signal(SIGUSR1, on_signal);
  struct sched_param priority = {.sched_priority = 1};
  (void)sched_setscheduler(0, SCHED_FIFO, &priority);
  beginning = now_ns();
  /* Changes wait for the beginning of time. */
  if (has_changes) changes_done = change_count;
  puts("ready");
  fflush(stdout);

  static uint8_t packet[SLOT_BYTES];
  while (!stopping) {
    uint64_t now = now_ns();
    if (begins) {
      begins = 0;
      begin(now);
    }
    uint64_t next = make_changes(now);
    for (int end = 0; end < 2; end++) {
      uint64_t due = deliver(&directions[end], devices[1 - end], now);
      if (due < next) next = due;
    }
    now = now_ns();
    uint64_t wait = next > now ? next - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
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
  uint64_t carried = directions[0].carried + directions[1].carried;
  for (int end = 0; end < 2; end++) {
    const Direction *direction = &directions[end];
    printf("%s\"%s\":{\"carried\":%llu,\"lost\":%llu,\"dropped\":%llu,\"policed\":%llu}", end == 0 ? "{" : ",", end == 0 ? "up" : "down",
           (unsigned long long)direction->carried, (unsigned long long)direction->lost, (unsigned long long)direction->dropped,
           (unsigned long long)direction->policed);
  }
  printf(",\"late\":{\"mean\":%.3f,\"worst\":%.3f}}\n", carried == 0 ? 0 : (double)late_ns / 1e6 / (double)carried, (double)late_worst / 1e6);
  return 0;
}
