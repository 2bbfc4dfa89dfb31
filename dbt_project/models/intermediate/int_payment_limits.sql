-- The day by which assessed contributions of a year are to be paid: three months before the first formal meeting that
-- begins in the calendar year, even where that lies ahead (semantics.md, paid_in_time).

with

formal_meetings as (
    select
        starts_on,
        extract(year from starts_on) as meeting_year
    from {{ ref('stg_meetings') }}
    where kind in ({{ formal_meetings() }})
),

years as (
    select * from {{ ref('int_reporting_years') }}
)

select
    years.reporting_year,
    min(formal_meetings.starts_on) as first_formal_meeting_on,
    {{ add_months('min(formal_meetings.starts_on)', -3) }} as limit_on
from years
inner join formal_meetings on years.reporting_year = formal_meetings.meeting_year
group by years.reporting_year
