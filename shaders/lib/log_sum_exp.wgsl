    if ((lane == 0u) & (n > 0u)) {
        // Differences from an infinite maximum are NaN.
        y[row] = select(largest + log(sum), largest, magnitude_bits(largest) == INFINITY_BITS);
    }
