// Package audit is a tool of tests: an auditor who looks at the emulator after
// every request, and says where a client that rotates keys has broken what it
// promises. Nothing of the emulated API depends on it.
//
// The invariants (docs/design.md, What must hold at every instant) are that a
// published key works (I1), that no key dies which somebody may hold or that
// runs somewhere (I2), that the client's own key is written nowhere (I3), and
// that nothing else changes (I4). The auditor knows more than any client can:
// the secrets, the variables in plain, and what runs.
package audit
