// Package emulator is the part of Scaleway's API that the rotator needs, held
// in memory, with the gateway that stands in front of private functions and
// containers.
//
// It is an http.Handler: listening is the caller's business, so that tests and
// the local runner run the same thing. It promises what the platform enforces:
// authentication, IAM permission sets, privacy at the gateway, asynchronous
// status changes on its own clock, paging, filters and error bodies. What it
// answers is taken from recordings of the real API; what nobody recorded is a
// numbered assumption in ASSUMPTIONS.md.
//
// Control, on a listener apart, shows what it holds and was asked, and moves its
// clock. seeds/README.md says how to give it an organization of one's own.
//
// It imports nothing of this project and declares its own wire types: sharing
// the client's would hide a misspelt field from both sides.
package emulator
