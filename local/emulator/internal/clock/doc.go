// Package clock is the emulator's time: the clock by which everything moves,
// and the schedules of crons.
//
// It promises that nothing happens in the emulator but by this clock, so that a
// test moves everything by moving it; and that a schedule is taken and refused
// as the platform does, by the fields that its documentation names.
package clock
