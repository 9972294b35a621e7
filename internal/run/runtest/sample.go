package runtest

import (
	"flag"
)

// OneIn is the flag -one-in, which every package that imports this one has.
var OneIn = flag.Int("one-in", 300, "how many cases of a matrix, or of random worlds, stand for each that is tried; 1: all are")

// Some is how many of so many random worlds are tried.
func Some(all int) int { return max(all / *OneIn, 2) }
