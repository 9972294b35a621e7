//go:build !race

package rotator_test

const raced = false
