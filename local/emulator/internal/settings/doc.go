// Package settings is what of the emulated API can be otherwise: how long
// things take, how many there may be, for how long caches are behind, and which
// answer is given where nobody knows Scaleway's.
//
// The delays are medians of recordings (docs/scaleway.md, Delays); the quotas and
// the answers are assumptions, under their numbers in ASSUMPTIONS.md.
package settings
