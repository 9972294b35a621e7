// Package permission says what each call needs, in one table, and what kind of
// scope a permission set is made for.
//
// The names of the sets are Scaleway's; which calls they open is assumption A08
// of ASSUMPTIONS.md.
package permission
