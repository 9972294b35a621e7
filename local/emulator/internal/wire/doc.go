// Package wire is how the API writes things: times, durations, the bodies of
// errors, and what it makes of null.
//
// It promises the letter of the recordings (docs/scaleway.md, Times and
// durations; docs/scaleway.md, Errors). Where no recording has an error, its
// constructor says so.
package wire
