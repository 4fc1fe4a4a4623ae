// The longer texts of docs/CONFIGURATION.md, one paragraph per option, in Markdown: what it does to the tunnel, what to choose, what it costs.
// The programs do not load them. A test sees to it that every option of the table has one.

/** Paragraphs by the name of the option. */
export const OPTION_DOCS: Readonly<Record<string, string>> = {
  localaddr:
    'Where applications connect to. `:12948` is port 12948 on all addresses of this machine, IPv4 and IPv6; `127.0.0.1:12948` lets only this machine in; IPv6 is written ' +
    '`[::1]:12948`. The port may be the name of a service, `:http-alt`, and `tcp://` may stand in front. ' +
    'What contains a slash, as `/run/kcptun.sock` and `./kcptun.sock`, or begins with `unix:`, is a unix socket; `@name` is one in the ' +
    'abstract namespace of Linux. Port 0 takes any free port, which the log names.',
  remoteaddr:
    'The server, with or without `udp://` in front. A name is looked up again for each session. With a range of ports, `vps:29900-29999`, each new session takes one of them at random, and another where the network says that nobody listens; the server then listens on the ' +
    'same range. Several ports help where a network slows down or cuts single UDP flows.',
  listen:
    'The UDP address that clients send to, on every port of the range. The firewall has to let UDP in. `:29900` is all addresses, IPv4 and IPv6; answers leave from the one that was called. Without the native backend the system chooses, so name the address there if the machine has several.',
  target: 'Where each connection is passed on to, on this machine or any other, written as `localaddr`.',
  key:
    'The secret that everything is encrypted with. Whoever knows it can use the tunnel. On the command line it is visible to other users of the machine: prefer the environment ' +
    'variable or the file. It is never logged. Its bytes count: from the command line and the environment they are taken as they are, UTF-8 or not (on systems without `/proc` only UTF-8 is taken); in a file what is not UTF-8 is U+FFFD, as for the Go programs.',
  crypt:
    'The packet cipher. `aes-128-gcm` also authenticates; `salsa20` is fast without AES instructions; `none` adds only a checksum, `null` nothing at all, and both, like `xor`, hide nothing. ' +
    'Go programs of 2021 know neither `null` nor `aes-128-gcm` and silently use `aes` instead.',
  mode:
    'How eagerly lost packets are sent again. From `normal` over `fast` and `fast2` to `fast3` latency falls and the number of packets grows. `manual` (or `default`, its older name) takes ' +
    '`nodelay`, `interval`, `resend` and `nc` instead; the named modes overrule these four. `auto` finds the rate of the line by itself: ' +
    'windows, `ratelimit` and shards are upper limits then, and the other end may be anything.',
  QPP:
    'Quantum permutation pads on the bytes of every stream, beneath the packet cipher. The key should have at least 211 bytes; each stream starts from the same state, so take it as an addition to ' +
    '`crypt`, not instead of it.',
  QPPCount: 'The number of pads of `QPP`. Take a prime number of at least 7.',
  QPPGen:
    'The original has changed how pads are made twice, without a word on the wire: `a` until 17 December 2025, `b` for a few days, `c` since 22 December 2025. With the wrong one the application gets noise.',
  conn:
    'Connections are dealt out to this many KCP sessions in turn. More sessions use more source ports and more windows: together they fill a path that one window cannot, ' +
    'and one session that stalls does not stop all. `auto`, the default with `mode` `auto`: one session at first, and another without a stream is kept ready ' +
    'while streams are open, up to four. A new connection gets a session that carries no bulk, so it waits for nobody else’s lost packets; ' +
    'what is not needed for half a minute is closed.',
  autoexpire:
    'After this age a session gets no new connections; a new session takes its place, from another port. The old one goes on with what it has. Useful where networks slow down long-lived UDP flows.',
  scavengettl:
    'An expired session is closed this long after its expiry, with whatever it still carries; earlier when it carries nothing. -1: never.',
  mtu: 'The largest UDP payload. 1350 fits almost everywhere; when larger packets vanish (tunnels, mobile networks), lower it. Nothing above it is ever sent, parity and encryption included. A value that leaves no room for payload behind the headers is not used: 1400 is.',
  ratelimit:
    'The most that one session sends, in bytes of UDP payload: parity, retransmissions and acknowledgements included. Each end limits what it sends itself, and each session has the whole rate. ' +
    'Packets leave evenly, never more than 64 at once. Keeps a line free for others, and packets from being dropped by a policer. 1250000 is 10 Mbit/s.',
  sndwnd:
    'How many packets may be on their way to the other end. A window of *n* packets moves at most *n* × 1.3 kB per round trip. What counts is the smaller of this and the receiver’s `rcvwnd`. ' +
    'Far beyond what the line holds, packets fall out of the queue in front of it and are sent again: `ratelimit` a little below the speed of the line prevents it.',
  rcvwnd: 'How many packets this end keeps while one before them is missing; the other end is told, and never has more on their way.',
  datashard:
    'The size of an error correction group: after this many packets the parity packets are sent, and any of the whole group can be missing, as many as there are parity packets. ' +
    'Both ends may differ, but then this end sends as the other does, see `keep-shards`.',
  parityshard:
    'The number of parity packets per group, each as large as the largest packet of the group. 3 for 10 costs 30 % and repairs 3 losses of 13. 0 on clean paths. `datashard` and `parityshard` together are at most 256, where the Go programs take more.',
  dscp:
    'The class of service in the IP header of what is sent, in IPv4 and IPv6 alike: the upper six bits of TOS and traffic class. 46 is expedited forwarding. A TOS byte is four times as large: its lowest six bits would be used. Networks may ignore or erase it. ' +
    'Needs the native backend (Linux with `koffi`); elsewhere the log says that it is not set. The Go programs put the number into the wrong bits of IPv6 packets.',
  nocomp:
    'No snappy compression of the stream. What is encrypted or compressed already gains nothing from it; without it the programs need less processor time.',
  acknodelay:
    'Acknowledges every packet at once instead of with the next flush. Retransmissions start a little earlier, for more small packets.',
  nodelay: 'For `mode` `manual`. 1: the least retransmission timeout is 30 ms instead of 100 ms, and it grows by half instead of doubling.',
  interval: 'For `mode` `manual`. The time between two flushes of a session.',
  resend:
    'For `mode` `manual`. A packet is sent again as soon as this many later ones were acknowledged; 2 is usual, 0 waits for the timeout.',
  nc: 'For `mode` `manual`. 1 turns the congestion window off: the full window is used whatever is lost.',
  sockbuf:
    'Asked of the kernel for each UDP socket, in both directions. 0 is the default (the Go programs ask for 0, and nearly nothing comes through). Too small a buffer drops packets in bursts. Linux grants no more than `net.core.rmem_max` and `net.core.wmem_max` (to root it does), ' +
    'FreeBSD and macOS than `kern.ipc.maxsockbuf`; the log then says what was granted and which command raises the limit.',
  smuxver:
    'The version of the stream multiplexing. 2 gives every stream a window of its own; with 1 a single stalled connection can hold up its session. Go programs before 20 November 2025 use 1 by default.',
  smuxbuf:
    'The most that arrived in one session and was not yet read by the applications. A connection may have 256 KiB there before its first byte is ' +
    'read: more than 16 of them whose readers are stuck hold up the others of their session, unless this is larger or `conn` spreads them.',
  framesize:
    'The largest piece of a stream that is sent before another stream has its turn. Smaller is fairer, larger costs less processor time.',
  streambuf: 'The same for a single stream (smux version 2), at most `smuxbuf`. A stream moves at most this much per round trip.',
  keepalive: 'How often a quiet session says that it is alive. It ends after 30 s without any sign of the other end.',
  closewait:
    'How long the end of one direction of a connection is kept back before it is passed on; a reset is passed on at once. The default of the original is 30 on the server, which ends everything half a minute late; here it is 0. ' +
    'A Go client of 2026 loses the last bytes of an answer that are followed closely by their end: 1 on the server prevents that.',
  'tcp-keepalive':
    'Finds applications and targets that vanished without a word: a machine without power, a phone without a network. After this silence the system asks, ' +
    'and asks again as often; when nine questions have no answer, the connection ends, and its stream with it. So it takes ten times this, two and a half minutes by default. ' +
    'These are the numbers of the Go programs. Only Linux with `koffi` can set them. Elsewhere the ten questions are a second apart, and the first one comes later, so that it takes as long: after 140 s by default.',
  snmplog:
    'Appends a line of counters every `snmpperiod`, as CSV with the columns of the Go program of 2026, and a header where the file is new. The name of the file (not its folder) is a time layout of Go, ' +
    'so that `./snmp-20060102.csv` becomes `./snmp-20261125.csv` and each day gets a file of its own. Every part of a layout counts, also those that were not meant: `client1.csv` is `client11.csv` in November. ' +
    'What goes wrong with the file is logged, and tried again with the next line.',
  snmpperiod: 'The time between two lines of `snmplog`. 0: none are written.',
  log:
    'Appends the log to a file instead of writing it to standard error. SIGHUP reopens it, for rotation: move the file away, then send the signal. A full disk loses lines, which is said once on ' +
    'standard error and in the file when it has room again; nothing else stops.',
  quiet:
    'Leaves out the lines about single connections: `stream opened`, `stream closed`, `pipe: …`, and that a stream cannot be opened. Everything else is logged as before.',
  tcp:
    'Carries each packet as a segment of what looks like a TCP connection, where networks treat UDP badly. Linux only, with root (`CAP_NET_RAW`, `CAP_NET_ADMIN`), `koffi` and `iptables`, at both ends. ' +
    'A server listens for both, UDP and TCP, on the same ports, and goes on with UDP alone when it may not do TCP; a client that may not ends with exit code 1. ' +
    'A rule of the firewall drops what the kernel itself would say about these connections; it is removed at the end, and at the next start after a kill. ' +
    'The headers of a segment are 24 bytes longer than those of UDP: keep `mtu` below 1428, or packets are fragmented.',
  c: 'A JSON file. What stands in it wins over the command line.',
  'print-config':
    'Shows every setting with its value and where it came from (default, flag, environment, file, or the `mode`), hides the key, and exits without starting anything. `--print-config=json` is the ' +
    'same for programs.',
  completion:
    'Prints a completion of all flags for `bash`, `zsh` or `fish` and exits. For bash: `kcptun-client --completion bash > /etc/bash_completion.d/kcptun-client`; for zsh, as `_kcptun-client` into a ' +
    'folder of `$fpath`; for fish, as `kcptun-client.fish` into `~/.config/fish/completions`.',
  pprof:
    'Serves, over HTTP on `pprof-listen`, what is needed to find out what a running program does: `/debug/pprof/profile?seconds=10` (a CPU profile of V8), `/debug/pprof/heap` (a heap snapshot), `/stats` ' +
    '(counters, sessions and streams as JSON). The files open in the developer tools of Chrome. A heap snapshot holds everything the program has in memory, the key as well.',
  'pprof-listen':
    'Where `pprof` listens, `host:port`. Whoever reaches it can read the key out of a heap snapshot, so keep it on this machine.',
  'log-format':
    '`go` is the form of the Go programs, `2006/01/02 15:04:05 text` in local time. `json` writes one object a line: `time` (RFC 3339, UTC), `level`, `msg`, and what the message is about as fields of its own, ' +
    'such as `event`, `remote`, `sid`.',
  'log-level':
    'The least that is logged. `debug` adds what goes wrong with single datagrams, such as a network that is down for a moment; `warn` and `error` leave out what happens in the ordinary course.',
  'drain-timeout':
    'SIGTERM and SIGINT let nothing new in and wait this long for open connections to end by themselves; then, or as soon as none is left, the program ends with exit code 0. 0 cuts them at once. ' +
    'A second signal does not wait.',
  'max-sessions':
    'How many KCP sessions all clients together may have; first packets of further ones are dropped and a line in the log says so. A client has `conn` sessions. A session whose client has not ' +
    'sent a single frame that makes sense gives way first, and ends after 10 s.',
  'max-sessions-per-ip':
    'How many of them may come from one IPv4 address, or from one /64 network of IPv6. Behind the NAT of a carrier many customers have one address; behind a relay on the same machine ' +
    'all clients have.',
  'keep-shards':
    'Programs of 2021 rebuild nonsense from parity when its shard counts are not their own, and break their connections. So nothing is sent with parity before the shards of the other end are known, ' +
    'and then with its counts instead of `datashard` and `parityshard`, once for each session; an end that sends no parity gets none. With this the own counts are sent from the first packet on. ' +
    'It is for ends that want different parity up and down; set it at both, where neither is of 2021.',
  'no-replay-protection':
    'By default each end drops datagrams that it has seen before, a server lets recordings open or replace nothing for a day, and a session follows its client when a NAT gives it another port. Nothing of it ' +
    'changes the wire. This switches it off, for both. It is off anyway with `none`, `null` and `xor`, where anybody can change a datagram. See SECURITY.',
};
