vcl 4.1;

# Varnish in front of the shop, with its module xkey:
#
#     varnishd -F -j none -n /tmp/shop-varnish -a 127.0.0.1:6081 -f $PWD/examples/shop/edge.vcl
#     SHOP_EDGE=http://127.0.0.1:6081 cargo run --release --example shop

import xkey;

backend default {
    .host = "127.0.0.1";
    .port = "8080";
}

# Who may purge.
acl purgers {
    "127.0.0.1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403));
        }
        if (req.http.xkey-purge) {
            set req.http.n = xkey.purge(req.http.xkey-purge);
            return (synth(200));
        }
        if (req.http.xkey-softpurge) {
            set req.http.n = xkey.softpurge(req.http.xkey-softpurge);
            return (synth(200));
        }
        return (purge);
    }
}

sub vcl_deliver {
    # Nobody else's business.
    unset resp.http.xkey;
}
