"""Networks beyond the LSTM of the paper, and descriptors and scorers made of several."""
