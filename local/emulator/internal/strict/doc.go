// Package strict reads JSON that people write by hand, and words what is wrong
// with it: by the path to the field, and what would be right there.
package strict
