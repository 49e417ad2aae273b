"""Where signals are fetched from by themselves: markets for prices, grid operators for limits."""
