package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// bytes gives a number of bytes in at most seven characters, "1.5 MiB".
func formatBytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/1024, 0
	for x >= 1023.95 {
		x, unit = x/1024, unit+1
	}
	if x >= 99.95 {
		return fmt.Sprintf("%.0f %ciB", x, units[unit])
	}
	return fmt.Sprintf("%.1f %ciB", x, units[unit])
}

// formatCount gives a number with commas.
func formatCount[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), ",")
}

func plural[T int | int64](n T, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return formatCount(n) + " " + what + "s"
}

// count is a flag value that is a number of things.
type count int

func (c *count) String() string { return strconv.Itoa(int(*c)) }
func (c *count) Type() string   { return "number" }
func (c *count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return fmt.Errorf("it must be a whole number that is not negative")
	}
	*c = count(n)
	return nil
}

// byteSize is a flag value such as 512M.
type byteSize int64

func (b *byteSize) String() string { return formatBytes(int64(*b)) }
func (b *byteSize) Type() string   { return "SIZE" }
func (b *byteSize) Set(s string) error {
	number := strings.TrimRight(strings.ToUpper(s), "IB ")
	shift := 0
	if number != "" {
		if i := strings.IndexByte("KMGTP", number[len(number)-1]); i >= 0 {
			shift = 10 * (i + 1)
			number = number[:len(number)-1]
		}
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(x > 0) || x*math.Pow(2, float64(shift)) > math.MaxInt64/2 {
		return fmt.Errorf("it must be a number of bytes such as 65536, 512K or 1.5G")
	}
	*b = byteSize(x * math.Pow(2, float64(shift)))
	return nil
}
