// Counters of one KCP conversation, under the names of kcp-go's SNMP table. They only grow.

/** What a {@link Kcp} has counted since it was made. Plain numbers: read them whenever you like. */
export class KcpStats {
  /** Segments in packets that were taken without error. */
  inSegs = 0;
  /** Segments sent: data, retransmissions, acknowledgements and window messages. */
  outSegs = 0;
  /** Data segments sent again because their timeout ran out. */
  lostSegs = 0;
  /** Data segments sent again because `resend` later ones were acknowledged. */
  fastRetransSegs = 0;
  /** Data segments sent again because a later one was acknowledged and there was nothing new to send. */
  earlyRetransSegs = 0;
  /** Data segments sent again for any reason: the sum of the three above. */
  retransSegs = 0;
  /** Data segments that arrived again, or outside of the receive window. */
  repeatSegs = 0;
  /** Data segments dropped because {@link ACKLIST_MAX} acknowledgements were waiting for a flush. */
  droppedSegs = 0;
}
