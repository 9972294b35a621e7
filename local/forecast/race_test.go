//go:build race

package forecast_test

// raced: the race detector takes ten times the time, and finds in a few configurations
// what it would in all.
const raced = true
