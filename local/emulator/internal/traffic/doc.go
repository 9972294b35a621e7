// Package traffic is what all requests pass through, whatever serves them: the
// history that remembers them, the faults that strike them, the latency, and
// the ways in which a request reaches the emulator without a socket.
//
// It promises that what a test sees is what a client had: an answer is held
// back until it is known what becomes of it, and a connection that is cut looks
// to a client in this process as it does off the wire. The headers that all
// answers have are those of the recordings; the rest is the emulator's own.
package traffic
