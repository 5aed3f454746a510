"""OTLP in: requests of OpenTelemetry exporters become calls. Pure: bytes in, calls out.

``unpack``   a body as it was sent, bounded while it is unpacked
``decode``   protobuf or JSON into spans and log records, with the attributes that matter here
``observe``  what one span says of a call; ``feedback`` that of people
``merging``  the spans of a trace into its calls, each counted once; ``calls`` as the registry keeps them
"""
