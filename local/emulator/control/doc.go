// Package control is a listener apart, by which a person or a test looks at the
// emulator and moves it: its state, its history, its clock and what is to go
// wrong. It is no part of Scaleway's API.
//
// It promises to show no secret, by telling the state field by field, and that
// what it refuses is a 400 whose message names the field. It never moves the clock
// back.
package control
