package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newSchema(a *app) *cobra.Command {
	var n int
	var typeName, descriptorSet string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "schema FILE...",
		Short: "Show what records are made of",
		Long: `Show what records are made of: the fields of the protobuf type that --type or the
file's metadata names, or else the features of tf.train.Examples, or what else the
records look like. Only -n records are looked at, chosen over all files.`,
		Example: `  arrayrecord schema train.arrayrecord
  arrayrecord schema log.riegeli --type my.pkg.Event --descriptor-set event.pb`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n < 1 {
				return usagef("-n %d: must be positive", n)
			}
			return atLeast(1, "file name")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.open(cmd.Context(), args...)
			if err != nil {
				return err
			}
			defer d.Close()
			message, err := messageType(cmd.Context(), d, typeName, descriptorSet)
			if err != nil {
				return err
			}
			if message != nil {
				return a.printMessage(message, asJSON)
			}
			features, kinds := newFeatureStats(), map[string]int{}
			if d.NumRecords() > 0 {
				s, err := arrayrecord.NewSampler(d.NumRecords(), arrayrecord.SamplerOptions{Shuffle: true, NumEpochs: 1})
				if err != nil {
					return err
				}
				for step := range min(n, d.NumRecords()) {
					key, err := s.Key(step)
					if err != nil {
						return err
					}
					record, err := d.Get(cmd.Context(), key)
					if err != nil {
						return err
					}
					if !features.add(record) {
						kinds[recordKind(record)]++
					}
				}
			}
			if asJSON {
				return a.printJSON(struct {
					Records  int                    `json:"records"` // looked at
					Features map[string]featureJSON `json:"features"`
					Others   map[string]int         `json:"others"`
				}{features.records, features.json(), kinds})
			}
			fmt.Fprintf(a.out, "%s of %s looked at\n", formatCount(features.records), plural(d.NumRecords(), "record"))
			t := newTable(a, "present", "values", "type", "feature", "")
			for _, name := range features.names() {
				f := features.features[name]
				present := fmt.Sprintf("%.4g %%", 100*float64(f.present)/float64(features.records))
				if err := t.row(present, f.shape(), cmp.Or(f.content(), f.kind()), escape([]byte(name)), ""); err != nil {
					return err
				}
			}
			if err := t.flush(); err != nil {
				return err
			}
			if features.notExamples > 0 {
				fmt.Fprintf(a.out, "no tf.train.Examples: %s\n", describeKinds(kinds))
			}
			return a.out.Flush()
		},
	}
	cmd.Flags().IntVarP(&n, "records", "n", 1000, "`number` of records to look at")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	addTypeFlags(cmd, &typeName, &descriptorSet)
	return cmd
}

type fieldJSON struct {
	Number   int    `json:"number"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Repeated bool   `json:"repeated,omitempty"`
}

// printMessage prints the fields of a protobuf type.
func (a *app) printMessage(message protoreflect.MessageDescriptor, asJSON bool) error {
	var fields []fieldJSON
	for i := range message.Fields().Len() {
		f := message.Fields().Get(i)
		kind := f.Kind().String()
		switch {
		case f.IsMap():
			value := f.MapValue()
			of := value.Kind().String()
			if value.Message() != nil {
				of = string(value.Message().FullName())
			}
			kind = fmt.Sprintf("map<%s, %s>", f.MapKey().Kind(), of)
		case f.Message() != nil:
			kind = string(f.Message().FullName())
		case f.Enum() != nil:
			kind = string(f.Enum().FullName())
		}
		fields = append(fields, fieldJSON{int(f.Number()), string(f.Name()), kind, f.IsList()})
	}
	if asJSON {
		return a.printJSON(struct {
			Type   string      `json:"type"`
			Fields []fieldJSON `json:"fields"`
		}{string(message.FullName()), fields})
	}
	fmt.Fprintf(a.out, "message %s\n", message.FullName())
	for _, f := range fields {
		repeated := ""
		if f.Repeated {
			repeated = "repeated "
		}
		fmt.Fprintf(a.out, "  %s%s %s = %d\n", repeated, f.Type, f.Name, f.Number)
	}
	return a.out.Flush()
}
