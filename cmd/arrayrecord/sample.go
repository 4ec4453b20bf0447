package main

import (
	"math/rand/v2"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newSample(a *app) *cobra.Command {
	var p printer
	var n int
	var seed uint32
	cmd := &cobra.Command{
		Use:   "sample FILE...",
		Short: "Print records chosen at random",
		Long: `Print records chosen at random from all files together, in random order, none twice.
Nothing but these records is read. The same --seed gives the same records; without
it they are others each time.`,
		Example: `  arrayrecord sample train.arrayrecord
  arrayrecord sample -n 100 --seed 7 --format json 'train-*.arrayrecord' > some.jsonl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n < 0 {
				return usagef("-n %d: must not be negative", n)
			}
			return atLeast(1, "file name")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.open(cmd.Context(), args...)
			if err != nil {
				return err
			}
			defer d.Close()
			if err := p.prepare(cmd.Context(), d); err != nil {
				return err
			}
			if d.NumRecords() == 0 {
				return nil
			}
			if !cmd.Flags().Changed("seed") {
				seed = rand.Uint32()
			}
			s, err := arrayrecord.NewSampler(d.NumRecords(), arrayrecord.SamplerOptions{Shuffle: true, Seed: seed, NumEpochs: 1})
			if err != nil {
				return err
			}
			for step := 0; step < min(n, d.NumRecords()); {
				var parts []part
				for ; step < min(n, d.NumRecords()) && len(parts) < readTogether; step++ {
					key, err := s.Key(step)
					if err != nil {
						return err
					}
					parts = append(parts, part{key, key + 1})
				}
				if err := a.printParts(cmd.Context(), &p, d, parts); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().IntVarP(&n, "records", "n", 10, "`number` of records")
	cmd.Flags().Uint32Var(&seed, "seed", 0, "`number` that decides which records (default another each time)")
	p.addFlags(cmd)
	return cmd
}
