package main

import (
	"math/rand/v2"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newSample(a *app) *cobra.Command {
	var p printer
	n := count(10)
	var seed uint32
	cmd := &cobra.Command{
		Use:   "sample FILE...",
		Short: "Print records chosen at random",
		Long: `Print records chosen at random from all files together, in random order, none twice.
Nothing but these records is read. The same --seed gives the same records; without
it they are others each time.`,
		Example: `  arrayrecord sample train.arrayrecord
  arrayrecord sample -n 100 --seed 7 --format json 'train-*.arrayrecord' > some.jsonl`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := p.open(cmd.Context(), a, args...)
			if err != nil {
				return err
			}
			defer d.Close()
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
			wanted := min(int(n), d.NumRecords())
			for step := 0; step < wanted; {
				var parts []part
				for ; step < wanted && len(parts) < readTogether; step++ {
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
	cmd.Flags().VarP(&n, "records", "n", "`number` of records")
	cmd.Flags().Uint32Var(&seed, "seed", 0, "`number` that decides which records (default another each time)")
	p.addFlags(cmd)
	return cmd
}
