//go:build race

package rotator_test

// raced: the race detector takes several times the memory of the program.
const raced = true
