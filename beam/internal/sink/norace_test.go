//go:build !race

package sink

const race = false
