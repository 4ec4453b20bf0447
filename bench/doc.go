// Bench measures this module side by side with the other readers and writers of
// such files, and with the floor: bare loops in C++ (cpp/benchmarks) that stand
// for what the hardware allows.
//
// Usage, from the root of the repository (make bench does the same):
//
//	go run ./bench [flags]
//	go run ./bench --from=build/bench/run.jsonl --report=docs/performance.md
//	go run ./bench --sync --report=docs/performance.md
//
// The first form makes the data, runs every operation with every peer, and
// writes each repetition as a line of JSON, a report in Markdown and its chart.
// The second makes the report of a run that is over. The third measures what it
// costs that Close waits for the disk, and puts that section into the report;
// the other forms keep it. --help lists the flags.
//
// # How it measures
//
// Each peer, this module included, is a process that lives as long as a data
// set is looked at, and answers requests, one line of JSON each way (see
// request and answer). It takes the time by a monotonic clock around the
// operation alone: records are loaded before a write, files are opened before
// they are read. Before anything counts, every peer has done the operation once
// and told the CRC of all that it read, which must be that of the data; so it
// is warmed up and has not cheated (the floor tells numbers of records and bytes
// only). Then the peers take turns, repetition by repetition, so that whatever
// else the machine does meanwhile hits all of them. Ratios are taken within a
// repetition, and the report gives their median and range.
package main
