// Package store is what the emulator keeps its state in: tables, whose order is
// that of creation, and the mint that makes identifiers.
//
// It knows nothing of what the rows are. Nothing in it has a lock: whoever
// calls holds the emulator's.
package store
