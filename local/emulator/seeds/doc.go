// Package seeds is what an organization holds at first, as people and tests
// write it down: in JSON, of which README.md shows the form, or in Go.
//
// It promises to say all that is wrong with a text at once, each with the path
// to its field, and that no seed needs a secret in it. It is data: each product
// takes its part of a seed, and checks what only it can know. The demonstration
// and the empty organization are here, too.
package seeds
