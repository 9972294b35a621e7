// Package wire is how the API writes things: times, durations, the bodies of
// errors, and what it makes of null.
//
// It promises the letter of the recordings: FACTS section 1 for times and
// durations, section 2 for errors. Where no recording has an error, its
// constructor says so.
package wire
