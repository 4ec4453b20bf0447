//go:build race

package failingjob

const race = true
