"""Media readers: each turns untrusted bytes into what may be shown and known of them."""
