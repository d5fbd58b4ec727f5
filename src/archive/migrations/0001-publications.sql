-- The log of publications, and how far back the history of a stream may be read.

create table sluice_publications (
  channel text collate "C" not null,
  epoch text collate "C" not null,
  place bigint not null,
  at timestamptz not null,
  data text,
  bytes bytea,
  about json,
  primary key (channel, epoch, place)
);

comment on table sluice_publications is 'What was published to channels of namespaces with archive: true.';
comment on column sluice_publications.epoch is 'The life of the stream. One that begins with ~ is of a gateway, and counts what was published without an offset.';
comment on column sluice_publications.place is 'The offset within the epoch.';
comment on column sluice_publications.data is 'JSON, as it was published; null where bytes were.';
comment on column sluice_publications.about is 'Event, tags and publisher, where there are any.';

create index sluice_publications_by_time on sluice_publications (channel, at, epoch, place);
create index sluice_publications_by_age on sluice_publications (at);

create table sluice_removals (
  channel text collate "C" not null,
  epoch text collate "C" not null,
  place bigint not null,
  at timestamptz not null,
  primary key (channel, epoch)
);

comment on table sluice_removals is 'Up to which place the history of a stream was removed: it is read no more as history.';
